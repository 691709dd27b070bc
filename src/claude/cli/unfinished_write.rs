//! Files that the CLI leaves if it is killed during a write.

/// Whether a file with this name is an unfinished write of the CLI.
///
/// The CLI writes `<file>.tmp.<process>.<12 hexadecimal digits>`, or 8 digits without a process id,
/// and renames it. The pattern is the CLI's own (2.1.330).
pub fn is_unfinished_write(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let Some((file, rest)) = name.rsplit_once(".tmp.") else {
        return false;
    };
    let hex = |text: &str, digits: usize| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(is_hex)
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let known = match rest.split_once('.') {
        Some((process, random)) => number(process) && hex(random, 12),
        None => hex(rest, 8),
    };
    known && !file.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_unfinished_writes_are_known() {
        for name in [
            "one.txt.tmp.4.4c3d95cc5fab",
            "a.tmp.01234567",
            "a.b.tmp.123.0123456789ab",
        ] {
            assert!(is_unfinished_write(name.as_bytes()), "{name}");
        }
        for name in [
            "one.txt",
            "one.tmp",
            "one.tmp.4",
            "one.tmp.4.4c3d95cc5fa",
            "one.tmp.4.4C3D95CC5FAB",
            "one.tmp..4c3d95cc5fab",
            "one.tmp.x.4c3d95cc5fab",
            "one.tmp.4.4c3d95cc5fab.txt",
            ".tmp.01234567",
        ] {
            assert!(!is_unfinished_write(name.as_bytes()), "{name}");
        }
        assert!(!is_unfinished_write(b"\xff.tmp.01234567"));
    }
}
