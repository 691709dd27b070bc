//! Text of clients and agents made harmless for a terminal.

/// Returns `text` with everything that could steer a terminal or reorder a line written out
/// (`\u{1b}`), line breaks and tabs too: for a cell of a table.
pub fn escape_cell(text: &str) -> String {
    escape_except(text, |_| false)
}

/// Adds `text` to `out` as [`cell`] returns it.
pub fn push_escaped_cell(out: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        // Nearly always: nothing in it needs to be looked at.
        out.push_str(text);
    } else {
        out.push_str(&escape_cell(text));
    }
}

/// Returns `text` likewise, with its line breaks and tabs: for a block of its own.
pub fn escape_lines(text: &str) -> String {
    escape_except(text, |letter| matches!(letter, '\n' | '\t'))
}

/// Returns whether `letter` could steer a terminal or change the order of what is read: controls
/// (C0, DEL, C1), the marks and overrides of direction, invisible separators, and what Unicode
/// keeps for tags.
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
    fn what_steers_is_written_out_and_words_stay() {
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
