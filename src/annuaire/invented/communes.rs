//! Communes of France, with their postal and INSEE codes.

/// A commune: its name as in postal addresses, its postal code and its INSEE code.
#[derive(Clone, Copy)]
pub struct Commune {
    pub name: &'static str,
    pub postal: &'static str,
    pub insee: &'static str,
}

impl Commune {
    /// The first two digits of its FINESS numbers.
    pub fn finess_prefix(&self) -> &'static str {
        &self.postal[..2]
    }

    /// The code of the département; overseas it has three digits.
    pub fn departement(&self) -> &'static str {
        &self.insee[..if self.insee.starts_with("97") { 3 } else { 2 }]
    }
}

macro_rules! communes {
    ($( $name:literal $postal:literal $insee:literal )+) => {
        &[$( Commune { name: $name, postal: $postal, insee: $insee } ),+]
    };
}

#[rustfmt::skip]
pub const COMMUNES: &[Commune] = communes! {
    "PARIS" "75001" "75101" "PARIS" "75002" "75102" "PARIS" "75003" "75103" "PARIS" "75004" "75104"
    "PARIS" "75005" "75105" "PARIS" "75006" "75106" "PARIS" "75007" "75107" "PARIS" "75008" "75108"
    "PARIS" "75009" "75109" "PARIS" "75010" "75110" "PARIS" "75011" "75111" "PARIS" "75012" "75112"
    "PARIS" "75013" "75113" "PARIS" "75014" "75114" "PARIS" "75015" "75115" "PARIS" "75016" "75116"
    "PARIS" "75017" "75117" "PARIS" "75018" "75118" "PARIS" "75019" "75119" "PARIS" "75020" "75120"
    "PARISOT" "82160" "82137" "PARISOT" "81310" "81202"
    "VERSAILLES" "78000" "78646" "LE CHESNAY ROCQUENCOURT" "78150" "78158" "ST GERMAIN EN LAYE" "78100" "78551"
    "POISSY" "78300" "78498" "MANTES LA JOLIE" "78200" "78361" "RAMBOUILLET" "78120" "78517"
    "SARTROUVILLE" "78500" "78586" "DAX" "40100" "40088" "NANCY" "54000" "54395"
    "VANDOEUVRE LES NANCY" "54500" "54547" "LYON" "69003" "69383" "LYON" "69008" "69388" "VILLEURBANNE" "69100" "69266"
    "MARSEILLE" "13005" "13205" "MARSEILLE" "13008" "13208" "AIX EN PROVENCE" "13100" "13001"
    "TOULOUSE" "31000" "31555" "NICE" "06000" "06088" "NANTES" "44000" "44109" "STRASBOURG" "67000" "67482"
    "MONTPELLIER" "34000" "34172" "BORDEAUX" "33000" "33063" "LILLE" "59000" "59350" "RENNES" "35000" "35238"
    "REIMS" "51100" "51454" "LE HAVRE" "76600" "76351" "ST ETIENNE" "42000" "42218" "TOULON" "83000" "83137"
    "GRENOBLE" "38000" "38185" "DIJON" "21000" "21231" "ANGERS" "49000" "49007" "NÎMES" "30000" "30189"
    "CLERMONT FERRAND" "63000" "63113" "LE MANS" "72000" "72181" "BREST" "29200" "29019" "TOURS" "37000" "37261"
    "AMIENS" "80000" "80021" "LIMOGES" "87000" "87085" "ANNECY" "74000" "74010" "PERPIGNAN" "66000" "66136"
    "METZ" "57000" "57463" "BESANÇON" "25000" "25056" "ORLÉANS" "45000" "45234" "ROUEN" "76000" "76540"
    "MULHOUSE" "68100" "68224" "CAEN" "14000" "14118" "POITIERS" "86000" "86194" "PAU" "64000" "64445"
    "LA ROCHELLE" "17000" "17300" "AVIGNON" "84000" "84007" "AJACCIO" "20000" "2A004" "BASTIA" "20200" "2B033"
    "ST DENIS" "97400" "97411" "FORT DE FRANCE" "97200" "97209" "CAYENNE" "97300" "97302"
    "QUIMPER" "29000" "29232" "VALENCE" "26000" "26362" "CHAMBÉRY" "73000" "73065" "TROYES" "10000" "10387"
    "LORIENT" "56100" "56121" "NIORT" "79000" "79191" "AGEN" "47000" "47001" "AUCH" "32000" "32013"
    "MENDE" "48000" "48095" "ÉVREUX" "27000" "27229" "GUÉRET" "23000" "23096" "ÉPINAL" "88000" "88160"
    "CASTRES" "81100" "81065" "BERGERAC" "24100" "24037" "CREIL" "60100" "60175" "ST MALO" "35400" "35288"
};
