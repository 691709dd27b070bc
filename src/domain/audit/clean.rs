//! What goes into the audit trail: no secrets, and digests in place of large values.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::canonical::{self, without_nul};
use super::chain::Hash;

/// The longest value that is kept as it is, in bytes of its canonical text.
pub const MAX_VALUE_BYTES: usize = 1024;
/// How much of a large value is shown, in bytes of its canonical text.
const PREVIEW_BYTES: usize = 600;
/// The most characters of one member of a large object that are shown.
const MEMBER_CHARS: usize = 160;
/// Deeper values are kept as their digests: readers of JSON have a limit.
const MAX_DEPTH: usize = 16;
/// What stands for a secret.
const HIDDEN: &str = "[secret]";
/// Shorter ones would hide half of every text, and protect nothing.
const SHORTEST_SECRET: usize = 4;
/// How secrets begin that are known by their form: keys of the model's endpoint, and the keys of
/// agents' doors.
const PREFIXES: [&str; 2] = ["sk-ant-", "eklavya-door-"];

/// Hides secrets and shortens what is large. Cleaning what is clean changes nothing.
#[derive(Clone, Default)]
pub struct Cleaner {
    /// Longest first: one may be a part of another.
    secrets: Arc<[SecretString]>,
}

impl std::fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cleaner({} secrets)", self.secrets.len())
    }
}

impl Cleaner {
    /// Returns one that hides these secrets, beside those that are known by their form.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let length = |secret: &SecretString| secret.expose_secret().len();
        let mut secrets: Vec<SecretString> = secrets.into_iter().collect();
        secrets.retain(|secret| length(secret) >= SHORTEST_SECRET);
        secrets.sort_by_key(|secret| std::cmp::Reverse(length(secret)));
        Self {
            secrets: secrets.into(),
        }
    }

    /// Returns the particulars of an entry as they are kept: each value over [`MAX_VALUE_BYTES`]
    /// is replaced by its [digest](Self::digest).
    pub fn details(&self, details: Value) -> Value {
        match self.hidden(details) {
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (name, shortened(value, MAX_DEPTH)))
                .collect(),
            other => shortened(other, MAX_DEPTH),
        }
    }

    /// Returns `{sha256, bytes, preview}` of a value without its secrets. A text is digested as it
    /// is, anything else by its canonical text.
    pub fn digest(&self, value: &Value) -> Value {
        digest(&self.hidden(value.clone()))
    }

    /// Returns a text without secrets.
    pub fn text(&self, text: &str) -> String {
        let mut clean = without_nul(text).into_owned();
        for secret in self.secrets.iter() {
            if clean.contains(secret.expose_secret()) {
                clean = clean.replace(secret.expose_secret(), HIDDEN);
            }
        }
        for prefix in PREFIXES {
            clean = hide_after(prefix, clean);
        }
        hide_passwords(clean)
    }

    fn hidden(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.hidden(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.text(&name), self.hidden(value)))
                .collect(),
            other => other,
        }
    }
}

/// Hides each word that begins with `prefix`.
fn hide_after(prefix: &str, text: String) -> String {
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

fn shortened(value: Value, depth: usize) -> Value {
    if is_digest(&value) {
        return value;
    }
    if depth == 0 && (value.is_array() || value.is_object()) {
        return digest(&value);
    }
    let value = match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| shortened(item, depth - 1))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, shortened(value, depth - 1)))
            .collect(),
        other => other,
    };
    if canonical::text(&value).len() > MAX_VALUE_BYTES {
        digest(&value)
    } else {
        value
    }
}

/// Whether the value is a digest already, which stays as it is.
fn is_digest(value: &Value) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    let hash = members.get("sha256").and_then(Value::as_str);
    members.len() == 3
        && hash.is_some_and(|hash| hash.parse::<Hash>().is_ok())
        && members.get("bytes").is_some_and(Value::is_u64)
        && members.contains_key("preview")
        && canonical::text(value).len() <= MAX_VALUE_BYTES
}

fn digest(value: &Value) -> Value {
    let (digested, preview) = match value {
        Value::String(text) => (text.clone(), Value::from(beginning(text, PREVIEW_BYTES))),
        Value::Object(members) => (canonical::text(value), Value::Object(previews(members))),
        other => {
            let text = canonical::text(other);
            let preview = Value::from(beginning(&text, PREVIEW_BYTES));
            (text, preview)
        }
    };
    json!({
        "sha256": Hash::of(digested.as_bytes()),
        "bytes": digested.len(),
        "preview": preview,
    })
}

/// Returns the beginnings of the members of a large object, as many as there is room for.
fn previews(members: &Map<String, Value>) -> Map<String, Value> {
    let mut room = PREVIEW_BYTES;
    let mut shown = Map::new();
    for (name, value) in members {
        let text = match value {
            Value::String(text) => text.clone(),
            other => canonical::text(other),
        };
        let text: String = text.chars().take(MEMBER_CHARS).collect();
        let name = beginning(name, room / 2);
        let used = canonical::text(&json!({ name.as_str(): "" })).len();
        let Some(left) = room.checked_sub(used).filter(|left| *left > 0) else {
            break;
        };
        let text = beginning(&text, left);
        room = left.saturating_sub(canonical::text(&json!(text)).len());
        shown.insert(name, Value::from(text));
    }
    shown
}

/// Returns the beginning of `text` whose canonical text has at most so many bytes.
fn beginning(text: &str, bytes: usize) -> String {
    let mut room = bytes;
    text.chars()
        .take_while(|letter| {
            let length = match letter {
                '"' | '\\' => 2,
                '\0'..'\u{20}' => 6,
                other => other.len_utf8(),
            };
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::canonical::tests::any_json;
    use proptest::prelude::*;

    fn cleaner() -> Cleaner {
        let secrets = ["hunter2-hunter2", "hunter2", "x"];
        Cleaner::new(secrets.map(SecretString::from))
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let details = json!({
            "hunter2": ["a hunter2-hunter2 b", {"key": "sk-ant-api03-AbC_d-9,sk-ant-"}],
            "url": "postgres://ada:p@ss:w@db.example:5432/x?y=z redis://:quiet@h, http://a:1/b@c",
            "door": "x-api-key: eklavya-door-0123456789abcdef\n",
            "x": "an x is no secret",
        });
        let expected = json!({
            "[secret]": ["a [secret] b", {"key": "[secret],[secret]"}],
            "url": "postgres://ada:[secret]@db.example:5432/x?y=z redis://:[secret]@h, http://a:1/b@c",
            "door": "x-api-key: [secret]\n",
            "x": "an x is no secret",
        });
        assert_eq!(cleaner().details(details), expected);
        assert!(!format!("{:?}", cleaner()).contains("hunter2"));
    }

    #[test]
    fn a_secret_is_hidden_before_anything_is_digested() {
        let long = format!("{} sk-ant-secret", "long ".repeat(300));
        let clean = cleaner().details(json!({ "long": long }));
        let known = long.replace("sk-ant-secret", HIDDEN);
        assert_eq!(clean["long"]["sha256"], json!(Hash::of(known.as_bytes())));
        assert_eq!(clean["long"]["bytes"], known.len());
        assert!(known.starts_with(clean["long"]["preview"].as_str().unwrap()));
    }

    #[test]
    fn a_large_object_shows_the_beginning_of_each_member() {
        let input = json!({"content": "<p>".repeat(5000), "file_path": "/clone/site/new.html"});
        let digest = cleaner().digest(&input);
        assert_eq!(digest["preview"]["file_path"], "/clone/site/new.html");
        assert_eq!(digest["preview"]["content"], "<p>".repeat(54)[..160]);
        assert_eq!(
            digest["sha256"],
            json!(Hash::of(canonical::text(&input).as_bytes()))
        );
    }

    #[test]
    fn a_false_digest_does_not_smuggle_a_large_value() {
        let false_one = json!({"sha256": Hash::of(b""), "bytes": 1, "preview": "x".repeat(5000)});
        let clean = cleaner().details(json!({ "input": false_one }));
        assert!(canonical::text(&clean).len() < 1200, "{clean}");
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let clean = cleaner().details(json!({ "deep": deep }));
        assert!(clean.to_string().contains("sha256"), "{clean}");
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_as_it_is_and_no_value_is_large(value in any_json(), times in 1..60_usize) {
            let many: Vec<Value> = std::iter::repeat_n(value, times).collect();
            let clean = cleaner().details(json!({ "many": many }));
            prop_assert_eq!(cleaner().details(clean.clone()), clean.clone());
            prop_assert!(canonical::text(&clean["many"]).len() <= MAX_VALUE_BYTES);
        }
    }
}
