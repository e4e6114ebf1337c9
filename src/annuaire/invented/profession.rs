//! The professions, and the distribution of their members.

use crate::annuaire::invented::structure::Structure;

/// A profession of TRE_G15.
pub struct Profession {
    pub code: &'static str,
    /// Members among 10,000 practitioners.
    pub weight: u64,
    /// The State diploma (TRE_R48).
    pub diplome: &'static str,
    pub women_per_mille: u64,
    pub liberal_per_mille: u64,
    /// The structure in which most employed members work.
    pub structure: Structure,
    /// The domain of its mailboxes.
    pub domain: &'static str,
    /// The order or agency that registers it (TRE_R60).
    pub autorite: &'static str,
    /// Whether its members are addressed as doctors.
    pub doctor: bool,
}

impl Profession {
    /// Active members per thousand with a mailbox in the domain of the profession, and in another domain.
    pub fn mailboxes_per_mille(&self) -> (u64, u64) {
        if self.code == "10" { (422, 278) } else { (226, 151) }
    }

    /// The specialities (TRE_R38) of its members.
    pub fn specialites(&self) -> &'static [&'static str] {
        match self.code {
            "10" => MEDECINS,
            "40" => &["SCD01", "SCD02", "SCD03"],
            _ => &[],
        }
    }
}

/// The first ones are the most frequent: general medicine.
const MEDECINS: &[&str] = &[
    "SM54", "SM53", "SM26", "SM54", "SM53", "SM02", "SM42", "SM40", "SM04", "SM28", "SM44", "SM45", "SM55", "SM20",
    "SM41", "SM16", "SM24", "SM38", "SM15", "SM32", "SM08", "SM05", "SM49", "SM11", "SM36", "SM52",
];

macro_rules! professions {
    ($( $code:literal $weight:literal $diplome:literal $women:literal $liberal:literal
        $structure:ident $domain:literal $autorite:literal $doctor:literal; )+) => {
        &[$( Profession {
            code: $code,
            weight: $weight,
            diplome: $diplome,
            women_per_mille: $women,
            liberal_per_mille: $liberal,
            structure: Structure::$structure,
            domain: $domain,
            autorite: $autorite,
            doctor: $doctor,
        } ),+]
    };
}

/// Code, weight, diploma, women and libéraux per thousand, structure, domain, authority, doctor.
pub const PROFESSIONS: &[Profession] = professions! {
    "60" 3560 "DE06" 870 200 Hopital "infirmier.mssante.fr" "CNOI" false;
    "10" 1347 "DE05" 480 560 Hopital "medecin.mssante.fr" "CNOM" true;
    "35" 1400 "DE03" 900 0 MedicoSocial "aide-soignant.mssante.fr" "ARS" false;
    "70" 620 "DE11" 520 820 Hopital "masseur-kinesitherapeute.mssante.fr" "CNOMK" false;
    "93" 480 "DE21" 860 400 MedicoSocial "psychologue.mssante.fr" "ARS" false;
    "21" 430 "DE09" 680 30 Pharmacie "pharmacien.mssante.fr" "CNOP" true;
    "40" 270 "DE04" 490 850 CentreDeSante "chirurgien-dentiste.mssante.fr" "CNOCD" true;
    "28" 260 "DE08" 560 60 CentreDeSante "opticien.mssante.fr" "ARS" false;
    "98" 230 "DE13" 720 10 Imagerie "manipulateur.mssante.fr" "ARS" false;
    "71" 220 "DE17" 560 900 MaisonDeSante "osteopathe.mssante.fr" "ARS" false;
    "39" 210 "DE10" 880 0 Pharmacie "preparateur.mssante.fr" "ARS" false;
    "91" 160 "DE15" 960 800 MaisonDeSante "orthophoniste.mssante.fr" "ARS" false;
    "86" 150 "DE22" 780 0 Laboratoire "technicien-laboratoire.mssante.fr" "ARS" false;
    "50" 140 "DE12" 970 300 Hopital "sage-femme.mssante.fr" "CNOSF" false;
    "96" 110 "DE19" 870 250 MedicoSocial "psychomotricien.mssante.fr" "ARS" false;
    "94" 100 "DE07" 870 150 MedicoSocial "ergotherapeute.mssante.fr" "ARS" false;
    "95" 95 "DE14" 930 350 Hopital "dieteticien.mssante.fr" "ARS" false;
    "80" 90 "DE18" 680 980 CentreDeSante "pedicure-podologue.mssante.fr" "CNOPP" false;
    "26" 60 "DE01" 550 50 CentreDeSante "audioprothesiste.mssante.fr" "ARS" false;
    "92" 40 "DE16" 880 700 CentreDeSante "orthoptiste.mssante.fr" "ARS" false;
    "81" 28 "DE20" 400 100 CentreDeSante "orthoprothesiste.mssante.fr" "ARS" false;
};
