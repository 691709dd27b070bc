//! SHA-256 digests in hexadecimal.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::hex;

/// Returns the SHA-256 of the parts in hexadecimal. The length of each part is hashed too, so that
/// different lists never have the same digest.
pub fn sha256_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    hex::encode(&digest.finalize())
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

/// Returns the SHA-256 of the bytes that `reader` yields, in hexadecimal.
pub fn sha256_of_reader(mut reader: impl Read) -> io::Result<String> {
    let (mut digest, mut chunk) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(hex::encode(&digest.finalize())),
            count => digest.update(&chunk[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_match_known_values_and_separate_the_parts() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        assert_eq!(sha256_of_reader(&b""[..]).unwrap(), empty);
        let of = |parts: &[&'static str]| sha256_of_parts(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }
}
