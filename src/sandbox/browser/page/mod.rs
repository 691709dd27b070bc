//! What is asked of a page, and what it answers: every answer is read into a type, with limits.

pub(crate) mod keys;
pub(crate) mod screenshot;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::BrowserError;

/// The function that looks at the page.
pub(crate) const FUNCTION: &str = include_str!("page.js");
/// The most characters of a page's text.
pub(crate) const MAX_TEXT: usize = 20_000;
/// The most links and fields of a page.
const MAX_LIST: usize = 100;

/// Something on a page, as a person or a program would name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ElementLocator {
    /// By a CSS selector.
    Selector(String),
    /// By the text that is seen on it: a button's, a link's, a field's label.
    Text(String),
}

impl ElementLocator {
    /// Returns it as the function of the page takes it.
    pub(crate) fn to_argument(&self) -> Value {
        match self {
            ElementLocator::Selector(selector) => json!({ "selector": selector }),
            ElementLocator::Text(text) => json!({ "text": text }),
        }
    }

    /// Returns the error that there is none.
    pub(crate) fn not_found_error(&self) -> BrowserError {
        BrowserError::NotThere(match self {
            ElementLocator::Selector(selector) => {
                format!("nothing on the page matches {selector:?}")
            }
            ElementLocator::Text(text) => format!("nothing on the page says {text:?}"),
        })
    }
}

/// Where a page is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLocation {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The HTTP status with which it came; 0 where it did not come by HTTP.
    pub status: u16,
}

/// What is to be read on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageText {
    /// Where it is.
    #[serde(flatten)]
    pub place: PageLocation,
    /// What is seen on it.
    pub text: String,
    /// Whether there was more text than is given.
    pub truncated: bool,
    /// Its links.
    pub links: Vec<PageLink>,
    /// Its fields and buttons.
    pub fields: Vec<FormField>,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub href: String,
}

/// A field or button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    /// E.g. `input:email`.
    pub kind: String,
    /// What it says, or its label.
    pub name: String,
    /// What is in it.
    pub value: String,
}

/// Where to click.
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

/// How a field is filled.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FillResult {
    pub found: bool,
    pub what: String,
    /// Whether that is done already.
    pub done: bool,
    /// Whether it can be typed into.
    pub editable: bool,
    /// What can be chosen, where that was not among it.
    pub options: Vec<String>,
}

/// Whether something is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ElementPresence {
    pub found: bool,
}

impl PageLocation {
    /// Returns it with no more than an honest page's function returns.
    pub(crate) fn clipped(self) -> Self {
        Self {
            url: truncate_chars(&self.url, 2000),
            title: truncate_chars(&self.title, 300),
            status: self.status,
        }
    }
}

impl PageText {
    /// Returns it with no more than an honest page's function returns.
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

/// Returns the beginning of a text.
pub(crate) fn truncate_chars(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_any_length_is_cut() {
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
