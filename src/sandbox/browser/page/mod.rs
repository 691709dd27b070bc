//! The queries to a page. Every response is parsed into a type, with limits.

pub(crate) mod keys;
pub(crate) mod screenshot;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::BrowserError;

/// The function that runs in the page.
pub(crate) const FUNCTION: &str = include_str!("page.js");
/// The characters of a page's text that are returned at most.
pub(crate) const MAX_TEXT: usize = 20_000;
/// The links, and the fields, of a page that are returned at most.
const MAX_LIST: usize = 100;

/// How to find an element on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElementLocator {
    /// By a CSS selector.
    Selector(String),
    /// By its visible text: of a button, of a link, or of the label of a field.
    Text(String),
}

impl ElementLocator {
    /// Returns it as an argument of [`FUNCTION`].
    pub(crate) fn to_argument(&self) -> Value {
        match self {
            ElementLocator::Selector(selector) => json!({ "selector": selector }),
            ElementLocator::Text(text) => json!({ "text": text }),
        }
    }

    pub(crate) fn not_found_error(&self) -> BrowserError {
        BrowserError::NotThere(match self {
            ElementLocator::Selector(selector) => {
                format!("no element on the page matches {selector:?}")
            }
            ElementLocator::Text(text) => format!("no element on the page contains {text:?}"),
        })
    }
}

/// The address and title of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLocation {
    pub url: String,
    pub title: String,
    /// The HTTP status of its response; 0 if the page was not loaded by HTTP.
    pub status: u16,
}

/// The readable content of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageText {
    #[serde(flatten)]
    pub place: PageLocation,
    /// The visible text.
    pub text: String,
    /// Whether the end of the text is missing.
    pub(crate) truncated: bool,
    pub links: Vec<PageLink>,
    /// The fields and buttons.
    pub fields: Vec<FormField>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    pub text: String,
    pub href: String,
}

/// A field or button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    /// E.g. `input:email`.
    pub(crate) kind: String,
    /// The text or the label.
    pub name: String,
    pub(crate) value: String,
}

/// The place of an element to click on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClickPoint {
    pub found: bool,
    pub what: String,
    pub x: f64,
    pub y: f64,
    pub visible: bool,
    pub disabled: bool,
    pub covered: Option<String>,
}

/// The state of a field after the attempt to fill it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FillResult {
    pub found: bool,
    pub what: String,
    /// Whether the field has its value already.
    pub done: bool,
    /// Whether text can be typed into it.
    pub editable: bool,
    /// The options of a list that does not have the requested one.
    pub options: Vec<String>,
}

/// Whether an element exists and is visible.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ElementPresence {
    pub found: bool,
}

impl PageLocation {
    /// Cuts the fields to the lengths that `page.js` returns: a hostile page can return longer ones.
    pub(crate) fn clipped(self) -> Self {
        Self {
            url: truncate_chars(&self.url, 2000),
            title: truncate_chars(&self.title, 300),
            status: self.status,
        }
    }
}

impl PageText {
    /// Cuts the fields to the lengths that `page.js` returns: a hostile page can return longer ones.
    pub(crate) fn clipped(mut self) -> Self {
        self.place = self.place.clipped();
        self.truncated |= self.text.chars().nth(MAX_TEXT).is_some();
        self.text = truncate_chars(&self.text, MAX_TEXT);
        self.links.truncate(MAX_LIST);
        for link in &mut self.links {
            *link = PageLink {
                text: truncate_chars(&link.text, 200),
                href: truncate_chars(&link.href, 500),
            };
        }
        self.fields.truncate(MAX_LIST);
        for field in &mut self.fields {
            *field = FormField {
                kind: truncate_chars(&field.kind, 40),
                name: truncate_chars(&field.name, 200),
                value: truncate_chars(&field.value, 200),
            };
        }
        self
    }
}

/// Returns the first `chars` characters of a text.
pub(crate) fn truncate_chars(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_links_and_fields_of_a_page_are_clipped() {
        let link = PageLink {
            text: "t".repeat(9999),
            href: "h".repeat(9999),
        };
        let field = FormField {
            kind: "k".repeat(9999),
            name: "n".repeat(9999),
            value: "v".repeat(9999),
        };
        let cut = PageText {
            place: PageLocation {
                url: "u".repeat(9999),
                title: "t".repeat(9999),
                status: 200,
            },
            text: "ü".repeat(MAX_TEXT + 1),
            truncated: false,
            links: vec![link; 999],
            fields: vec![field; 999],
        }
        .clipped();
        assert!(cut.truncated);
        assert_eq!(cut.text.chars().count(), MAX_TEXT);
        assert_eq!((cut.links.len(), cut.fields.len()), (MAX_LIST, MAX_LIST));
        assert_eq!((cut.place.url.len(), cut.links[0].href.len()), (2000, 500));
    }
}
