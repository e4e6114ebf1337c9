//! Identifiers of persons and structures, with their check digits.

/// The Luhn check digit of `number`.
fn luhn_key(number: &str) -> u32 {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

fn with_key(number: &str) -> String {
    let key = luhn_key(number);
    format!("{number}{key}")
}

/// A unique number of 8 digits for each index below 10⁸, in no visible order.
fn eight_digits(index: u64) -> u64 {
    (index % 100_000_000 * 61_803_399 + 27_182_818) % 100_000_000
}

/// The RPPS number of a professional: 11 digits, the last one a check digit.
pub fn rpps(practitioner: u64) -> String {
    with_key(&format!("10{:08}", eight_digits(practitioner)))
}

/// The number of a situation d'exercice: 10 digits.
pub fn activity(role: u64) -> String {
    format!("10{:08}", eight_digits(role))
}

/// The FINESS number of a structure of this département: 9 digits, the last one a check digit.
pub fn finess(departement: &str, organization: u64) -> String {
    with_key(&format!("{departement}{:06}", (organization % 1_000_000 * 618_033 + 271_828) % 1_000_000))
}

/// The SIREN of a legal entity: 9 digits, the last one a check digit.
pub fn siren(organization: u64) -> String {
    with_key(&format!("{:08}", eight_digits(organization)))
}

/// The SIRET of an establishment of the legal entity: its SIREN, a rank, and a check digit of both.
pub fn siret(siren: &str, rank: u64) -> String {
    with_key(&format!("{siren}{rank:04}"))
}
