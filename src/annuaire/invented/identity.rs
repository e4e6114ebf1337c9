//! The names of professionals.

use crate::annuaire::invented::draw::Draw;
use crate::annuaire::invented::names::{FAMILIES, MEN, PLACE_HEADS, PLACE_TAILS, WOMEN};

/// The names of a professional.
pub struct Identity {
    /// In upper case, mostly without accents, as in the national directory.
    pub family: String,
    /// Family name and first given name.
    pub text: String,
    pub given: Vec<String>,
    pub woman: bool,
}

impl Identity {
    /// A random person; `women_per_mille` in a thousand are women.
    pub fn draw(draw: &mut Draw, women_per_mille: u64) -> Self {
        let woman = draw.per_mille(women_per_mille);
        let mut given = vec![given_name(draw, woman)];
        while given.len() < 3 && draw.per_mille(180) {
            given.push(given_name(draw, woman));
        }
        let family = family_name(draw);
        Self::new(draw, &family, given, woman)
    }

    /// The person with another family name, as after a marriage.
    pub fn renamed(self, draw: &mut Draw) -> Self {
        let family = family_name(draw);
        Self::new(draw, &family, self.given, self.woman)
    }

    fn new(draw: &mut Draw, name: &str, given: Vec<String>, woman: bool) -> Self {
        let upper = name.to_uppercase();
        let family = if draw.per_mille(150) { upper } else { plain(&upper) };
        let shown = if draw.per_mille(400) { name } else { &family };
        Self { text: format!("{shown} {}", given[0]), family, given, woman }
    }

    /// The local part of the person's mailboxes.
    pub fn mailbox(&self, draw: &mut Draw) -> String {
        let number = if draw.per_mille(350) { (2 + draw.low_below(98)).to_string() } else { String::new() };
        local_part(&format!("{}.{}{number}", self.given[0], self.family))
    }
}

fn given_name(draw: &mut Draw, woman: bool) -> String {
    let list = if woman { WOMEN } else { MEN };
    let name = draw.pick_low(list);
    let first = if woman { "Marie" } else { "Jean" };
    if name != first && draw.per_mille(90) { format!("{first}-{name}") } else { name.to_owned() }
}

fn family_name(draw: &mut Draw) -> String {
    match draw.below(100) {
        0..58 => draw.pick_low(FAMILIES).to_owned(),
        58..82 => place(draw),
        82..90 => format!("{}-{}", draw.pick_low(FAMILIES), draw.pick_low(FAMILIES)),
        90..95 => format!("{} {}", draw.pick_low(FAMILIES), place(draw)),
        _ => format!("{} {}", draw.pick(&["De", "Le", "De La", "Du", "El"]), place(draw)),
    }
}

fn place(draw: &mut Draw) -> String {
    let (head, tail) = (draw.pick(PLACE_HEADS), draw.pick(PLACE_TAILS));
    match head.strip_suffix('-') {
        Some(saint) => format!("{saint}-{}{}", tail[..1].to_uppercase(), &tail[1..]),
        None => format!("{head}{tail}"),
    }
}

/// The text without accents.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'À' | 'Â' | 'Ä' => plain.push('A'),
            'Ç' => plain.push('C'),
            'È' | 'É' | 'Ê' | 'Ë' => plain.push('E'),
            'Î' | 'Ï' => plain.push('I'),
            'Ô' | 'Ö' => plain.push('O'),
            'Ù' | 'Û' | 'Ü' => plain.push('U'),
            'Œ' => plain.push_str("OE"),
            other => plain.push(other),
        }
    }
    plain
}

/// The text in the form of a local part of an e-mail address.
pub fn local_part(text: &str) -> String {
    let lower = plain(&text.to_uppercase()).to_lowercase();
    lower
        .chars()
        .filter_map(|character| match character {
            'a'..='z' | '0'..='9' | '.' | '-' => Some(character),
            ' ' => Some('-'),
            _ => None,
        })
        .collect()
}
