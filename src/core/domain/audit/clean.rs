//! What goes into the audit trail: no secrets, and digests in place of large values.

use serde_json::{Map, Value, json};

use super::canonical::{self, without_nul};
use super::chain::Hash;
use crate::domain::redactor::Redactor;

/// The longest value that is kept as it is, in bytes of its canonical text.
pub const MAX_VALUE_BYTES: usize = 1024;
/// How much of a large value is shown, in bytes of its canonical text.
const PREVIEW_BYTES: usize = 600;
/// The most characters of one member of a large object that are shown.
const MEMBER_CHARS: usize = 160;
/// Deeper values are kept as their digests: readers of JSON have a limit.
const MAX_DEPTH: usize = 16;
/// Hides secrets and shortens what is large. Cleaning what is clean changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Cleaner {
    redactor: Redactor,
}

impl Cleaner {
    /// Returns one that hides what the redactor does.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor }
    }

    /// Returns what hides the secrets.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
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
        self.redactor.text(&without_nul(text))
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
    use crate::domain::redactor::HIDDEN;
    use proptest::prelude::*;
    use secrecy::SecretString;

    fn cleaner() -> Cleaner {
        let secrets = ["hunter2-hunter2", "hunter2", "x"];
        Cleaner::new(Redactor::new(secrets.map(SecretString::from)))
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
