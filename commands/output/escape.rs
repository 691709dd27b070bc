//! Escapes text of clients and agents, so that it cannot control a terminal.

/// Escapes every character that could control a terminal or reorder a line (as `\u{1b}`), including
/// line breaks and tabs: for a cell of a table.
pub fn escape_cell(text: &str) -> String {
    escape_except(text, |_| false)
}

/// Appends the result of [`escape_cell`] to `out`.
pub fn push_escaped_cell(out: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        // The common case: plain ASCII needs no escapes.
        out.push_str(text);
    } else {
        out.push_str(&escape_cell(text));
    }
}

/// Like [`escape_cell`], but keeps line breaks and tabs: for a block of text.
pub fn escape_lines(text: &str) -> String {
    escape_except(text, |letter| matches!(letter, '\n' | '\t'))
}

/// Returns whether `letter` could control a terminal or change the reading order: control characters
/// (C0, DEL, C1), direction marks and overrides, invisible separators, and Unicode tag characters.
pub fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{061c}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

fn escape_except(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if !is_hostile(letter) || keep(letter) {
            out.push(letter);
        } else {
            out.extend(letter.escape_default());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_escaped_and_words_are_kept() {
        assert_eq!(
            escape_cell("a\u{1b}[31mb\n\u{9b}2J\u{202e}x\0"),
            "a\\u{1b}[31mb\\n\\u{9b}2J\\u{202e}x\\u{0}"
        );
        for text in ["", "plain ~", "a\tb", "\u{7f}", "é\u{85}"] {
            let mut pushed = String::new();
            push_escaped_cell(&mut pushed, text);
            assert_eq!(pushed, escape_cell(text));
        }
        assert_eq!(escape_lines("a\r\n\tb\u{7}"), "a\\r\n\tb\\u{7}");
        assert_eq!(escape_cell("Café 日本 🙂 \\n"), "Café 日本 🙂 \\n");
    }
}
