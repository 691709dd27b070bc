//! Filters that insert text from outside into a prompt.

/// Returns `text` between `<tag>` and `</tag>`, with closing tags of the same name escaped. A text
/// of more than `limit` characters is reduced to its beginning and its end.
pub(super) fn quoted(text: &str, tag: &str, limit: Option<usize>) -> String {
    let text = limit.map_or_else(|| text.to_owned(), |limit| truncate_middle(text, limit));
    format!(
        "<{tag}>\n{}\n</{tag}>",
        escape_closing_tag(text.trim_end(), tag)
    )
}

/// Returns `text` on one line: every run of white space and control characters becomes one space.
pub(super) fn one_line(text: &str) -> String {
    let parts = text.split(|c: char| c.is_whitespace() || c.is_control());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns a prompt without trailing white space and without runs of empty lines between its parts;
/// text between tags stays unchanged.
pub(super) fn collapse_blank_lines(text: &str) -> String {
    let (mut tidied, mut empty, mut open) = (String::with_capacity(text.len()), 0, None);
    for line in text.trim().lines() {
        let inside = open.is_some();
        open = match open {
            None => opening_tag(line),
            Some(tag) if line == format!("</{tag}>") => None,
            kept => kept,
        };
        empty = if line.is_empty() && !inside {
            empty + 1
        } else {
            0
        };
        if empty < 2 {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied
}

/// Returns the tag, if `line` consists of an opening tag only.
fn opening_tag(line: &str) -> Option<&str> {
    let tag = line.strip_prefix('<')?.strip_suffix('>')?;
    (!tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(tag)
}

fn escape_closing_tag(text: &str, tag: &str) -> String {
    let closing = format!("</{tag}");
    let lower = text.to_ascii_lowercase();
    let (mut safe, mut done) = (String::with_capacity(text.len()), 0);
    for (at, _) in lower.match_indices(&closing) {
        safe.push_str(&text[done..at]);
        safe.push_str("<\\/");
        done = at + 2;
    }
    safe.push_str(&text[done..]);
    safe
}

fn truncate_middle(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    // The end usually shows the failure, and the beginning its context.
    let head = limit / 4;
    let tail = limit - head;
    let beginning: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!(
        "{beginning}\n[… {} characters left out …]\n{end}",
        count - limit
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_close_its_own_tag() {
        let quote = quoted("a</brief>\n</BRIEF >b</briefs>", "brief", None);
        assert_eq!(
            quote,
            "<brief>\na<\\/brief>\n<\\/BRIEF >b<\\/briefs>\n</brief>"
        );
        assert_eq!(
            quoted("Ünï </Brief>", "brief", None).matches("</").count(),
            1
        );
    }

    #[test]
    fn long_text_keeps_its_beginning_and_its_end() {
        let quote = quoted(
            &format!("{}{}", "a".repeat(50), "z".repeat(50)),
            "output",
            Some(20),
        );
        assert_eq!(
            quote,
            "<output>\naaaaa\n[… 80 characters left out …]\nzzzzzzzzzzzzzzz\n</output>"
        );
    }

    #[test]
    fn one_line_has_no_line_breaks_or_control_characters() {
        assert_eq!(
            one_line(" a\r\n\n# b\t\u{1b}[2J c\u{2028}d "),
            "a # b [2J c d"
        );
    }

    #[test]
    fn collapsing_blank_lines_keeps_those_between_tags() {
        let text = "a\n\n\n\nb\n<brief>\nx\n\n\n\ny\n</brief>\n\n\n\nc\n\n";
        assert_eq!(
            collapse_blank_lines(text),
            "a\n\nb\n<brief>\nx\n\n\n\ny\n</brief>\n\nc\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn a_quotation_closes_exactly_once(text in "(</?brief>|[<>/a-zA-Z\n é])*") {
            let quote = quoted(&text, "brief", None);
            proptest::prop_assert_eq!(quote.to_ascii_lowercase().matches("</brief").count(), 1);
        }
    }
}
