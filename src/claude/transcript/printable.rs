//! Makes hostile text safe to show.

use std::fmt::Write;

/// Returns `text` with all characters escaped that could move a cursor, or hide or reorder text:
/// control characters except line feed and tab, and invisible or direction-changing characters.
pub(crate) fn escape_unprintable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => safe.push(character),
            '\r' => safe.push_str("\\r"),
            hidden if is_hidden(hidden) => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(hidden));
            }
            plain => safe.push(plain),
        }
    }
    safe
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns the first `limit` characters of the first line of `text`, with an ellipsis if it is cut;
/// safe to show.
pub(crate) fn first_line_up_to(text: &str, limit: usize) -> String {
    let text = text.trim();
    let first = text.lines().next().unwrap_or_default();
    let cut: String = first.chars().take(limit).collect();
    let complete = cut.len() == text.len();
    escape_unprintable(&if complete { cut } else { format!("{cut} …") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_characters_that_control_a_terminal() {
        assert_eq!(
            escape_unprintable("\u{1b}[2Jhi\u{7}\r\n\tx"),
            "\\u{1b}[2Jhi\\u{7}\\r\n\tx"
        );
        assert_eq!(
            escape_unprintable("a\u{202e}b\u{9b}31m"),
            "a\\u{202e}b\\u{9b}31m"
        );
        assert_eq!(escape_unprintable("Grüße, 世界 🦀"), "Grüße, 世界 🦀");
    }

    #[test]
    fn shortens_to_the_first_line() {
        assert_eq!(first_line_up_to("  one\ntwo", 10), "one …");
        assert_eq!(first_line_up_to("abcdef", 3), "abc …");
        assert_eq!(first_line_up_to("abc\n", 3), "abc");
    }

    proptest::proptest! {
        #[test]
        fn no_control_character_survives(text in ".*") {
            let safe = escape_unprintable(&text);
            proptest::prop_assert!(!safe.chars().any(|c| c != '\n' && c != '\t' && is_hidden(c)));
        }
    }
}
