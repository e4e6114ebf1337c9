//! Lists of names, the most frequent ones first.

#[rustfmt::skip]
pub const FAMILIES: &[&str] = &[
    "Martin", "Bernard", "Thomas", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau", "Laurent", "Simon",
    "Michel", "Lefèvre", "Leroy", "Roux", "David", "Bertrand", "Morel", "Fournier", "Girard", "Bonnet", "Dupont",
    "Lambert", "Fontaine", "Rousseau", "Vincent", "Müller", "Faure", "André", "Mercier", "Blanc", "Guérin", "Boyer",
    "Garnier", "Chevalier", "François", "Legrand", "Gauthier", "Garcia", "Perrin", "Robin", "Clément", "Morin",
    "Nicolas", "Henry", "Roussel", "Mathieu", "Gautier", "Masson", "Marchand", "Duval", "Denis", "Dumont", "Marie",
    "Lemaire", "Noël", "Meyer", "Dufour", "Meunier", "Brun", "Blanchard", "Giraud", "Joly", "Rivière", "Lucas",
    "Brunet", "Gaillard", "Barbier", "Arnaud", "Martinez", "Gérard", "Roche", "Renard", "Schmitt", "Roy", "Leroux",
    "Colin", "Vidal", "Caron", "Picard", "Roger", "Fabre", "Aubert", "Lemoine", "Renaud", "Dumas", "Lacroix",
    "Olivier", "Philippe", "Bourgeois", "Pierre", "Benoît", "Rey", "Leclerc", "Payet", "Rolland", "Leclercq",
    "Guillaume", "Lecomte", "Lopez", "Jean", "Dupuy", "Guillot", "Hubert", "Berger", "Carpentier", "Sanchez",
    "Dupuis", "Moulin", "Louis", "Deschamps", "Huet", "Vasseur", "Perez", "Boucher", "Fleury", "Royer", "Klein",
    "Jacquet", "Adam", "Paris", "Poirier", "Marty", "Aubry", "Guyot", "Carré", "Charles", "Renault", "Charpentier",
    "Ménard", "Maillard", "Baron", "Bertin", "Bailly", "Hervé", "Schneider", "Fernandez", "Le Gall", "Collet",
    "Léger", "Bouvier", "Julien", "Prévost", "Millet", "Perrot", "Daniel", "Le Roux", "Cousin", "Germain", "Breton",
    "Besson", "Langlois", "Rémy", "Le Goff", "Pelletier", "Lévêque", "Perrier", "Leblanc", "Barré", "Lebrun",
    "Marchal", "Weber", "Mallet", "Hamon", "Boulanger", "Jacob", "Monnier", "Michaud", "Rodriguez", "Guichard",
    "Gillet", "Étienne", "Grondin", "Poulain", "Tessier", "Chevallier", "Collin", "Chauvin", "Da Silva", "Bouchet",
    "Gay", "Lemaître", "Bénard", "Maréchal", "Humbert", "Reynaud", "Antoine", "Hoarau", "Perret", "Barthélemy",
    "Cordier", "Pichon", "Lejeune", "Gilbert", "Lamy", "Delaunay", "Pasquier", "Carlier", "Laporte", "Nguyen",
    "Diallo", "Traoré", "Benali", "Haddad", "N'Diaye", "D'Almeida", "L'Hostis",
];

/// First and last parts of family names that are names of places.
pub const PLACE_HEADS: &[&str] = &[
    "Beau", "Mont", "Clair", "Haute", "Belle", "Roque", "Ville", "Font", "Château", "Champ", "Vau", "Bois", "Roche",
    "Grand", "Val", "Pré", "Mar", "Cour", "Lan", "Mer", "Ker", "Pen", "Saint-", "Bour", "Cas", "Gran", "Sou", "Riv",
    "Mau", "Perre", "Ger", "Bar",
];
pub const PLACE_TAILS: &[&str] = &[
    "mont", "lieu", "fort", "val", "champ", "brun", "vert", "court", "feuille", "noir", "lande", "nay", "rieux", "sac",
    "vigne", "bois", "chamond", "aud", "guyon", "ville", "teau", "nier", "ret", "din", "son", "nel", "don", "bert",
    "lot", "zac", "gnac", "guen", "rel", "let", "bault", "thier",
];

#[rustfmt::skip]
pub const WOMEN: &[&str] = &[
    "Marie", "Nathalie", "Isabelle", "Sylvie", "Catherine", "Françoise", "Valérie", "Christine", "Sophie", "Sandrine",
    "Céline", "Stéphanie", "Anne", "Véronique", "Julie", "Camille", "Émilie", "Aurélie", "Léa", "Laura", "Sarah",
    "Pauline", "Mathilde", "Chloé", "Manon", "Élodie", "Hélène", "Claire", "Charlotte", "Amélie", "Virginie",
    "Delphine", "Agnès", "Élisabeth", "Florence", "Laurence", "Lucie", "Marion", "Mélanie", "Audrey", "Caroline",
    "Cécile", "Justine", "Margaux", "Noémie", "Fatima", "Inès", "Zoé", "Anaïs", "Gaëlle", "Maëlys", "Solène", "Aïcha",
];
#[rustfmt::skip]
pub const MEN: &[&str] = &[
    "Jean", "Philippe", "Michel", "Nicolas", "Thomas", "Pierre", "Christophe", "Laurent", "Éric", "Frédéric", "Julien",
    "Stéphane", "Olivier", "Patrick", "Alexandre", "Antoine", "Sébastien", "François", "Maxime", "Vincent", "Pascal",
    "Guillaume", "David", "Romain", "Bruno", "Jérôme", "Mathieu", "Benoît", "Hugo", "Arthur", "Clément", "Rémi",
    "Quentin", "Théo", "Louis", "Paul", "Lucas", "Gabriel", "Raphaël", "Grégory", "Cédric", "Loïc", "Gaël", "Noël",
    "Hervé", "Gérard", "René", "Étienne", "Yves", "Karim", "Mohamed", "Ibrahima", "Andréa",
];

/// Persons after whom structures are named.
pub const EPONYMS: &[&str] = &[
    "ANDRÉ MIGNOT",
    "LOUIS PASTEUR",
    "AMBROISE PARÉ",
    "SIMONE VEIL",
    "MARIE CURIE",
    "CLAUDE BERNARD",
    "JEAN MOULIN",
    "SAINT JOSEPH",
    "SAINTE ANNE",
    "NOTRE DAME",
    "SAINT LOUIS",
    "LES TILLEULS",
    "DES QUATRE SAISONS",
    "DU PARC",
    "DE LA GARE",
    "DU MARCHÉ",
    "DE L'ÉTOILE",
    "DES LILAS",
    "LES GLYCINES",
    "BEAU SÉJOUR",
    "DU CHÂTEAU",
    "VICTOR HUGO",
    "JULES VERNE",
    "FRANÇOIS MITTERRAND",
    "RENÉ LAENNEC",
    "SAINT VINCENT DE PAUL",
    "DES HÊTRES",
    "DU VAL FLEURI",
    "DE L'EUROPE",
    "DE LA RÉPUBLIQUE",
    "CŒUR DE VILLE",
    "DU LAC",
];

/// Names of streets.
pub const STREETS: &[&str] = &[
    "DIDOT",
    "DE LA RÉPUBLIQUE",
    "VICTOR HUGO",
    "DE L'ÉGLISE",
    "DU GÉNÉRAL DE GAULLE",
    "JEAN JAURÈS",
    "PASTEUR",
    "DE LA GARE",
    "DES ÉCOLES",
    "DU MARÉCHAL FOCH",
    "GAMBETTA",
    "DE VERDUN",
    "DU MOULIN",
    "DES LILAS",
    "DE PARIS",
    "ÉMILE ZOLA",
    "DE LA FONTAINE",
    "DU 8 MAI 1945",
    "DU MORVAN",
    "DE LA LIBERTÉ",
    "SAINT MICHEL",
    "DES ACACIAS",
];
