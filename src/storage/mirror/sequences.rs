//! The encoding of sets of sequences.

use roaring::RoaringBitmap;

/// Up to this many numbers are stored as a list: an identifier has one number, of which a bitmap would take five times
/// the space. A bitmap is always longer than such a list.
const MAX_PLAIN_NUMBERS: usize = 8;

pub fn encode(set: &RoaringBitmap) -> Vec<u8> {
    if set.len() <= MAX_PLAIN_NUMBERS as u64 {
        return set.iter().flat_map(u32::to_le_bytes).collect();
    }
    let mut bytes = Vec::with_capacity(set.serialized_size());
    // A write to memory does not fail.
    let _ = set.serialize_into(&mut bytes);
    bytes
}

/// As [`encode`], of numbers in ascending order.
pub fn encode_sorted(numbers: &[u32]) -> Vec<u8> {
    if numbers.len() <= MAX_PLAIN_NUMBERS {
        return numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    }
    encode(&RoaringBitmap::from_sorted_iter(numbers.iter().copied()).unwrap_or_else(|_| numbers.iter().collect()))
}

/// Adds an encoded set to another set.
pub fn add(bytes: &[u8], to: &mut RoaringBitmap) -> Result<(), std::io::Error> {
    if bytes.len() <= MAX_PLAIN_NUMBERS * size_of::<u32>() {
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        to.extend(numbers.iter().map(|number| u32::from_le_bytes(*number)));
    } else {
        *to |= RoaringBitmap::deserialize_from(bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_every_size_round_trip() {
        for size in [0, 1, 8, 9, 100, 70_000_u32] {
            let numbers: Vec<u32> = (0..size).map(|number| number * 3 + 65_530).collect();
            let set: RoaringBitmap = numbers.iter().collect();
            for bytes in [encode(&set), encode_sorted(&numbers)] {
                let mut back = RoaringBitmap::new();
                add(&bytes, &mut back).expect("a set");
                assert_eq!(back, set);
            }
        }
    }

    #[test]
    fn sequences_malformed_bytes_are_an_error() {
        let mut set = RoaringBitmap::new();
        assert!(add(&[1, 2, 3], &mut set).is_err());
        assert!(add(&[7; 40], &mut set).is_err());
    }
}
