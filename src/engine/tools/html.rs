//! The text of a page: read token by token, since whoever wrote it may have nested it without end,
//! and a tree of that takes a parser minutes.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};

/// What these hold is for programs.
const UNSEEN: [&str; 6] = ["script", "style", "template", "svg", "noscript", "iframe"];
/// These go on in the same line; whatever else there is begins a new one.
const INLINE: [&str; 26] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "em", "font", "i", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "u", "var",
];

/// Returns what a page says to a reader, with the addresses of its links.
pub(super) fn text_of(html: &[u8]) -> String {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut text = Text::default();
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => text.begin(&tag),
            Token::EndTag(tag) => text.end(&utf8(&tag.name)),
            Token::String(said) => text.say(&utf8(&said.value)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    text.said.trim().to_owned()
}

fn utf8(text: &HtmlString) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[derive(Default)]
struct Text {
    said: String,
    /// The element whose contents are left out, and how deep it is in others of its name.
    unseen: Option<(String, u32)>,
    /// Inside of `pre`, where spaces count.
    kept: u32,
    link: Option<String>,
    /// Whether a space is due before the next word.
    space: bool,
}

impl Text {
    fn begin(&mut self, tag: &StartTag<()>) {
        let name = utf8(&tag.name);
        if let Some((unseen, depth)) = &mut self.unseen {
            *depth += u32::from(*unseen == name && !tag.self_closing);
            return;
        }
        match name.as_str() {
            "title" => self.line("# "),
            "h1" | "h2" | "h3" => self.line("\n# "),
            "h4" | "h5" | "h6" => self.line("\n## "),
            "li" => self.line("- "),
            "p" | "table" | "ul" | "ol" | "dl" => self.line("\n"),
            "td" | "th" => self.said.push('\t'),
            "pre" => {
                self.kept += 1;
                self.line("\n");
            }
            "a" => {
                let href = tag.attributes.get(b"href".as_slice());
                self.link = href.map(|href| utf8(&href.value));
            }
            "img" => {
                let alt = tag.attributes.get(b"alt".as_slice());
                self.say(&alt.map(|alt| utf8(&alt.value)).unwrap_or_default());
            }
            unseen if UNSEEN.contains(&unseen) && !tag.self_closing => {
                self.unseen = Some((name, 1));
            }
            inline if INLINE.contains(&inline) => {}
            _ => self.line(""),
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((unseen, depth)) = &mut self.unseen {
            *depth -= u32::from(unseen == name);
            if *depth == 0 {
                self.unseen = None;
            }
            return;
        }
        match name {
            "pre" => {
                self.kept = self.kept.saturating_sub(1);
                self.line("");
            }
            "a" => {
                if let Some(link) = self.link.take().filter(|link| !link.starts_with('#')) {
                    self.said.extend([" (", &link, ")"]);
                }
            }
            "td" | "th" => {}
            inline if INLINE.contains(&inline) => {}
            _ => self.line(""),
        }
    }

    /// Begins a new line with these words, unless nothing is on this one yet.
    fn line(&mut self, begin: &str) {
        self.space = false;
        if !self.said.is_empty() && !self.said.ends_with('\n') {
            self.said.push('\n');
        }
        if begin.starts_with('\n') && self.said.ends_with("\n\n") {
            self.said.push_str(begin.trim_start_matches('\n'));
        } else {
            self.said.push_str(begin);
        }
    }

    fn say(&mut self, words: &str) {
        if self.unseen.is_some() {
            return;
        }
        if self.kept > 0 {
            self.said.push_str(words);
            return;
        }
        for word in words.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if !bare.is_empty() {
                let begins = self.said.is_empty() || self.said.ends_with(['\n', '\t', ' ']);
                if self.space && !begins {
                    self.said.push(' ');
                }
                self.said.push_str(bare);
            }
            self.space = bare.len() < word.len() || (bare.is_empty() && self.space);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_told_as_it_is_read() {
        let html = b"<!doctype html><head><title>Shelves</title><script>if (a < b) { no() }</script>\
            <style>p { color: no }</style></head>\n<h1>How  they\nhold</h1><p>They <b>hold</b> \
            <a href=/books>books</a>, &amp; more.<ul><li>one<li>two</ul><pre>fn main() {\n    x\n}</pre>\
            <table><tr><td>a<td>b</table><svg><text>no</text></svg><noscript>no</noscript>end";
        insta::assert_snapshot!(text_of(html));
    }

    #[test]
    fn what_is_not_closed_or_nested_without_end_harms_nobody() {
        assert_eq!(text_of(b"<script>var no"), "");
        assert_eq!(text_of(b"a<svg><svg></svg>no</svg>b"), "ab");
        assert_eq!(text_of(b"<b>a \xff"), "a \u{fffd}");
        let deep = "<div><b>".repeat(300_000);
        assert_eq!(text_of(deep.as_bytes()), "");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(html in "(<|>|/|a|pre|script|svg|title|li|td| |\n|&|=|\"|-|!|x){0,60}") {
            text_of(html.as_bytes());
        }
    }
}
