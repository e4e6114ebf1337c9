//! The kinds of structures, and their distribution over the indexes of organizations.

#![expect(clippy::cast_possible_truncation, reason = "drawn below a bound that fits")]

use crate::annuaire::invented::draw::Draw;

/// A kind of structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    Hopital,
    Pharmacie,
    Laboratoire,
    MedicoSocial,
    Imagerie,
    CentreDeSante,
    MaisonDeSante,
    Cabinet,
}

/// The kinds of the organizations of one town quarter, which all organizations repeat. A capital is an entité juridique, the
/// letters after it are its entités géographiques; `c` is a cabinet, which has no entité juridique. Every kind is among the
/// first 20.
const PLAN: &[u8; 50] = b"HhhhhPpLllMmmIiSsVvccccccPpcccccMmmccccPpcccccccPp";

impl Structure {
    /// The number of organizations in a quarter.
    pub const QUARTER: u64 = PLAN.len() as u64;

    /// The kind of the organization with this index.
    pub fn of_organization(organization: u64) -> Self {
        match letter(organization).to_ascii_lowercase() {
            b'h' => Self::Hopital,
            b'p' => Self::Pharmacie,
            b'l' => Self::Laboratoire,
            b'm' => Self::MedicoSocial,
            b'i' => Self::Imagerie,
            b's' => Self::CentreDeSante,
            b'v' => Self::MaisonDeSante,
            _ => Self::Cabinet,
        }
    }

    /// Whether the organization is an entité juridique.
    pub fn is_juridique(organization: u64) -> bool {
        letter(organization).is_ascii_uppercase()
    }

    /// The entité juridique of an entité géographique.
    pub fn parent(organization: u64) -> Option<u64> {
        let own = letter(organization);
        let slot = (organization % Self::QUARTER) as usize;
        let distance = PLAN[..slot].iter().rev().position(|letter| *letter == own.to_ascii_uppercase())? as u64 + 1;
        (own.is_ascii_lowercase()).then_some(organization - distance)
    }

    /// A random index within a quarter of an entité géographique of this kind.
    pub fn site_slot(self, draw: &mut Draw) -> Option<u64> {
        let sites =
            || (0..Self::QUARTER).filter(|slot| !Self::is_juridique(*slot) && Self::of_organization(*slot) == self);
        sites().nth(draw.below(sites().count() as u64) as usize)
    }

    /// The secteur d'activité (TRE_R02): those of the kind, in turn.
    pub fn secteur(self, organization: u64) -> &'static str {
        let secteurs: &[&str] = match self {
            Self::Hopital => &[
                "SA01", "SA04", "SA01", "SA03", "SA01", "SA04", "SA02", "SA01", "SA34", "SA04", "SA30", "SA01", "SA36",
                "SA04", "SA01", "SA03",
            ],
            Self::Pharmacie => &["SA33", "SA33", "SA38", "SA33", "SA39", "SA33", "SA65", "SA33"],
            Self::Laboratoire => &["SA25", "SA25", "SA29"],
            Self::MedicoSocial => &["SA17", "SA17", "SA16", "SA17", "SA18"],
            Self::Imagerie => &["SA08", "SA09", "SA09"],
            Self::CentreDeSante => &["SA05"],
            Self::MaisonDeSante => &["SA52"],
            Self::Cabinet => &["SA07", "SA07", "SA08", "SA07", "SA09"],
        };
        secteurs[((organization / Self::QUARTER + organization % Self::QUARTER) % secteurs.len() as u64) as usize]
    }

    /// The catégories d'établissement (TRE_R66) of structures registered in FINESS.
    pub fn categories(self) -> &'static [&'static str] {
        match self {
            Self::Hopital => &["355", "101", "106", "292", "365", "128", "122", "131"],
            Self::Pharmacie => &["620"],
            Self::Laboratoire => &["611"],
            Self::MedicoSocial => MEDICO_SOCIAL,
            Self::CentreDeSante => &["124"],
            Self::MaisonDeSante => &["603"],
            Self::Imagerie => &["698"],
            Self::Cabinet => &[],
        }
    }

    /// The activités principales (TRE_R75).
    pub fn naf(self) -> &'static [&'static str] {
        match self {
            Self::Hopital => &["86.10Z"],
            Self::Pharmacie => &["47.73Z"],
            Self::Laboratoire => &["86.90B"],
            Self::MedicoSocial => &["87.10A", "87.10B", "87.30A", "88.10C"],
            Self::Imagerie => &["86.22A"],
            Self::CentreDeSante => &["86.21Z", "86.23Z"],
            Self::MaisonDeSante => &["86.21Z"],
            Self::Cabinet => &["86.21Z", "86.23Z", "86.90D", "86.90E", "86.22C"],
        }
    }
}

fn letter(organization: u64) -> u8 {
    PLAN[(organization % Structure::QUARTER) as usize]
}

/// The catégories of the médico-social couloir of Ségur.
#[rustfmt::skip]
pub const MEDICO_SOCIAL: &[&str] = &[
    "159", "165", "166", "172", "175", "176", "177", "178", "180", "182", "183", "186", "188", "189", "190", "192",
    "194", "195", "196", "197", "198", "202", "207", "209", "213", "221", "236", "238", "241", "246", "247", "249",
    "252", "253", "255", "286", "295", "344", "354", "370", "377", "378", "379", "381", "382", "390", "395", "396",
    "402", "411", "418", "427", "437", "440", "441", "445", "446", "448", "449", "453", "460", "462", "500", "501",
    "502", "608",
];
