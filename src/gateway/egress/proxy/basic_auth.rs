//! The credentials of HTTP Basic authentication (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Returns the password of a `Proxy-Authorization` header.
pub(crate) fn decode_password(header: &[u8]) -> Option<Vec<u8>> {
    let (scheme, encoded) = header.split_at_checked("basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::decode_password;

    #[test]
    fn the_password_follows_the_first_colon() {
        assert_eq!(decode_password(b"Basic YWdlbnQ6YTpi").unwrap(), b"a:b");
        assert_eq!(decode_password(b"basic  YWdlbnQ6YTpi ").unwrap(), b"a:b");
        for bad in [
            &b"Bearer YWdlbnQ6YTpi"[..],
            b"Basic",
            b"Basic !",
            b"Basic YWdlbnQ=",
            b"",
        ] {
            assert_eq!(decode_password(bad), None);
        }
    }
}
