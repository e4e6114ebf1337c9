//! A value of a row, of any type.

#[derive(Clone, Debug)]
pub(super) enum Cell {
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// Writes it in the binary form of `COPY`.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        let number;
        let bytes = match self {
            Self::Integer(integer) => {
                number = integer.to_be_bytes();
                &number[..]
            }
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        };
        to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        to.extend(bytes);
    }
}
