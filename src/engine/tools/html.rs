//! The text of an HTML page, read token by token: a page may be nested so deeply that a parser needs
//! minutes to build its tree.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};

/// Elements whose contents are not for readers.
const UNSEEN: [&str; 6] = ["script", "style", "template", "svg", "noscript", "iframe"];
/// Elements that continue the line; all others start a new one.
const INLINE: [&str; 26] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "em", "font", "i", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "u", "var",
];

/// Returns the text of a page as a reader sees it, with the addresses of its links.
pub(super) fn html_to_text(html: &[u8]) -> String {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut text = HtmlTextBuilder::default();
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => text.start_tag(&tag),
            Token::EndTag(tag) => text.end_tag(&utf8(&tag.name)),
            Token::String(string) => text.push_words(&utf8(&string.value)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    text.output.trim().to_owned()
}

fn utf8(text: &HtmlString) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[derive(Default)]
struct HtmlTextBuilder {
    output: String,
    /// The element whose contents are skipped, and its depth in elements of the same name.
    hidden_element: Option<(String, u32)>,
    /// The depth in `pre` elements, where spaces are kept.
    preformatted_depth: u32,
    link: Option<String>,
    /// Whether a space comes before the next word.
    space_due: bool,
}

impl HtmlTextBuilder {
    fn start_tag(&mut self, tag: &StartTag<()>) {
        let name = utf8(&tag.name);
        if let Some((unseen, depth)) = &mut self.hidden_element {
            *depth += u32::from(*unseen == name && !tag.self_closing);
            return;
        }
        match name.as_str() {
            "title" => self.start_line("# "),
            "h1" | "h2" | "h3" => self.start_line("\n# "),
            "h4" | "h5" | "h6" => self.start_line("\n## "),
            "li" => self.start_line("- "),
            "p" | "table" | "ul" | "ol" | "dl" => self.start_line("\n"),
            "td" | "th" => self.output.push('\t'),
            "pre" => {
                self.preformatted_depth += 1;
                self.start_line("\n");
            }
            "a" => {
                let href = tag.attributes.get(b"href".as_slice());
                self.link = href.map(|href| utf8(&href.value));
            }
            "img" => {
                let alt = tag.attributes.get(b"alt".as_slice());
                self.push_words(&alt.map(|alt| utf8(&alt.value)).unwrap_or_default());
            }
            unseen if UNSEEN.contains(&unseen) && !tag.self_closing => {
                self.hidden_element = Some((name, 1));
            }
            inline if INLINE.contains(&inline) => {}
            _ => self.start_line(""),
        }
    }

    fn end_tag(&mut self, name: &str) {
        if let Some((unseen, depth)) = &mut self.hidden_element {
            *depth -= u32::from(unseen == name);
            if *depth == 0 {
                self.hidden_element = None;
            }
            return;
        }
        match name {
            "pre" => {
                self.preformatted_depth = self.preformatted_depth.saturating_sub(1);
                self.start_line("");
            }
            "a" => {
                if let Some(link) = self.link.take().filter(|link| !link.starts_with('#')) {
                    self.output.extend([" (", &link, ")"]);
                }
            }
            "td" | "th" => {}
            inline if INLINE.contains(&inline) => {}
            _ => self.start_line(""),
        }
    }

    /// Starts a new line with `begin`; an empty line is reused.
    fn start_line(&mut self, begin: &str) {
        self.space_due = false;
        if !self.output.is_empty() && !self.output.ends_with('\n') {
            self.output.push('\n');
        }
        if begin.starts_with('\n') && self.output.ends_with("\n\n") {
            self.output.push_str(begin.trim_start_matches('\n'));
        } else {
            self.output.push_str(begin);
        }
    }

    fn push_words(&mut self, words: &str) {
        if self.hidden_element.is_some() {
            return;
        }
        if self.preformatted_depth > 0 {
            self.output.push_str(words);
            return;
        }
        for word in words.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if !bare.is_empty() {
                let begins = self.output.is_empty() || self.output.ends_with(['\n', '\t', ' ']);
                if self.space_due && !begins {
                    self.output.push(' ');
                }
                self.output.push_str(bare);
            }
            self.space_due = bare.len() < word.len() || (bare.is_empty() && self.space_due);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_becomes_its_readable_text() {
        let html = b"<!doctype html><head><title>Shelves</title><script>if (a < b) { no() }</script>\
            <style>p { color: no }</style></head>\n<h1>How  they\nhold</h1><p>They <b>hold</b> \
            <a href=/books>books</a>, &amp; more.<ul><li>one<li>two</ul><pre>fn main() {\n    x\n}</pre>\
            <table><tr><td>a<td>b</table><svg><text>no</text></svg><noscript>no</noscript>end";
        insta::assert_snapshot!(html_to_text(html));
    }

    #[test]
    fn unclosed_or_deeply_nested_markup_is_harmless() {
        assert_eq!(html_to_text(b"<script>var no"), "");
        assert_eq!(html_to_text(b"a<svg><svg></svg>no</svg>b"), "ab");
        assert_eq!(html_to_text(b"<b>a \xff"), "a \u{fffd}");
        let deep = "<div><b>".repeat(300_000);
        assert_eq!(html_to_text(deep.as_bytes()), "");
    }

    proptest! {
        #[test]
        fn arbitrary_markup_causes_no_panic(html in "(<|>|/|a|pre|script|svg|title|li|td| |\n|&|=|\"|-|!|x){0,60}") {
            html_to_text(html.as_bytes());
        }
    }
}
