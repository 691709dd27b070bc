//! Bytes as lower-case hexadecimal digits.

use std::fmt::{self, Write as _};

/// Returns `bytes` as hexadecimal digits. The text is allocated once, so that no copy of a key
/// remains in memory that is not wiped.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    // Writing to a String does not fail.
    let _ = write!(text, "{}", LowerHex(bytes));
    text
}

/// Displays bytes as hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct LowerHex<'a>(pub &'a [u8]);

impl fmt::Display for LowerHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(super::encode(&[0, 1, 0x7f, 0xab, 0xff]), "00017fabff");
        assert_eq!(super::encode(&[]), "");
    }
}
