//! Keeps known secrets out of all output and stored data.
//!
//! A process has one redactor, shared by its logs, its audit trail, its events, the transcripts and
//! the output of commands: a secret that one of them learns is hidden in all of them. A secret is
//! recognised by its value, in the encodings in which programs print values; keys of the model's
//! endpoint and of agents' doors are recognised by their prefix, passwords by their position in a
//! URL.

mod stream;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use stream::StreamRedactor;

/// Replaces a secret.
pub const HIDDEN: &str = "[secret]";
/// Shorter values are not hidden: hiding them would damage most texts and protect nothing. In
/// bytes.
pub(crate) const SHORTEST_HIDDEN: usize = 4;
/// Prefixes by which keys are recognised: keys of the model's endpoint, and keys of agents' doors.
const PREFIXES: [&str; 2] = ["sk-ant-", "eklavya-door-"];

/// Hides secrets. All clones share the known secrets. Redacting twice changes nothing.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Arc<KnownSecrets>>>,
}

/// A snapshot of the known values.
#[derive(Default)]
pub(crate) struct KnownSecrets {
    /// Digests of the values, to recognise new ones.
    values: BTreeSet<[u8; 32]>,
    /// In every encoding. They are kept in plain text for as long as the process may print them.
    forms: Vec<Zeroizing<Vec<u8>>>,
    searcher: Option<AhoCorasick>,
    longest: usize,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.known_secrets().values.len())
    }
}

impl Redactor {
    /// Returns a redactor for these secrets, and those recognised by their form.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let redactor = Self::default();
        redactor.add_secrets(secrets);
        redactor
    }

    /// Hides these secrets too from now on, in all clones.
    pub fn add_secrets(&self, secrets: impl IntoIterator<Item = SecretString>) {
        let long = |secret: &SecretString| secret.expose_secret().len() >= SHORTEST_HIDDEN;
        let secrets: Vec<SecretString> = secrets.into_iter().filter(long).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let (mut values, mut forms) = (known.values.clone(), known.forms.clone());
        for secret in &secrets {
            let value = secret.expose_secret();
            if values.insert(Sha256::digest(value).into()) {
                forms.extend(encodings::encodings_of(value));
            }
        }
        if values.len() > known.values.len() {
            *known = Arc::new(KnownSecrets::new(values, forms));
        }
    }

    /// Returns a text without secrets.
    pub fn redact_text(&self, text: &str) -> String {
        let known = self.known_secrets();
        let mut clean = match &known.searcher {
            Some(searcher) if searcher.is_match(text) => replace_secrets(searcher, text),
            Some(_) | None => text.to_owned(),
        };
        for prefix in PREFIXES {
            clean = hide_prefixed_words(prefix, clean);
        }
        hide_passwords(clean)
    }

    /// Returns a log line without secrets. A JSON line stays valid JSON.
    pub fn redact_line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let clean = self.redact_text(line);
        if clean == line {
            return Cow::Borrowed(line);
        }
        match serde_json::from_str::<Value>(line) {
            Ok(value) => Cow::Owned(self.redact_json(value).to_string()),
            Err(_) => Cow::Owned(clean),
        }
    }

    /// Returns a JSON value without secrets in its texts and member names.
    pub(crate) fn redact_json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redact_text(&text)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.redact_json(item))
                .collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.redact_text(&name), self.redact_json(value)))
                .collect(),
            other => other,
        }
    }

    /// Returns a value of the product's own types without secrets in its texts. If a secret equals
    /// the name of a required member, the value stays unchanged.
    pub fn redact_typed<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        let Ok(before) = serde_json::to_value(&value) else {
            return value;
        };
        let after = self.redact_json(before.clone());
        if after == before {
            return value;
        }
        serde_json::from_value(after).unwrap_or(value)
    }

    /// Returns whether `bytes` contains a known secret, in any of its encodings.
    pub fn contains_secret(&self, bytes: &[u8]) -> bool {
        let known = self.known_secrets();
        known
            .searcher
            .as_ref()
            .is_some_and(|searcher| searcher.is_match(bytes))
    }

    /// Returns whether no secret is known by its value.
    pub fn is_empty(&self) -> bool {
        self.known_secrets().searcher.is_none()
    }

    /// Returns a redactor for a stream that arrives in arbitrary chunks, with the secrets known
    /// now.
    pub fn stream(&self) -> StreamRedactor {
        StreamRedactor::new(self.known_secrets())
    }

    fn known_secrets(&self) -> Arc<KnownSecrets> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

impl KnownSecrets {
    fn new(values: BTreeSet<[u8; 32]>, forms: Vec<Zeroizing<Vec<u8>>>) -> Self {
        // A table with all states and bytes would take gigabytes for one long secret.
        let searcher = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(forms.iter().map(|form| form.as_slice()));
        Self {
            values,
            longest: forms.iter().map(|form| form.len()).max().unwrap_or(0),
            // It fails only beyond two gigabytes of secrets.
            searcher: searcher.ok().filter(|_| !forms.is_empty()),
            forms,
        }
    }
}

fn replace_secrets(searcher: &AhoCorasick, text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    searcher.replace_all_with(text, &mut clean, |_, _, clean| {
        clean.push_str(HIDDEN);
        true
    });
    clean
}

/// Hides each word that begins with `prefix`.
fn hide_prefixed_words(prefix: &str, text: String) -> String {
    if !text.contains(prefix) {
        return text;
    }
    let is_key = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let mut pieces = text.split(prefix);
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str(HIDDEN);
        clean.push_str(piece.trim_start_matches(is_key));
    }
    clean
}

/// Hides the password in each `scheme://user:password@host`.
fn hide_passwords(text: String) -> String {
    const MARK: &str = "://";
    if !text.contains(MARK) {
        return text;
    }
    let mut pieces = text.split(MARK);
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str(MARK);
        let ends_authority =
            |letter: char| matches!(letter, '/' | '?' | '#' | '"' | '\'') || letter.is_whitespace();
        let authority = &piece[..piece.find(ends_authority).unwrap_or(piece.len())];
        let user = authority.rfind('@').map(|end| &authority[..end]);
        match user.and_then(|user| user.split_once(':')) {
            Some((name, _)) => {
                clean.push_str(name);
                clean.push(':');
                clean.push_str(HIDDEN);
                clean.push_str(&piece[user.map_or(0, str::len)..]);
            }
            None => clean.push_str(piece),
        }
    }
    clean
}

pub(crate) mod encodings;
#[cfg(test)]
mod tests;
