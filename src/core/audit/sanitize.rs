//! Prepares details for the audit trail: no secrets, and digests in place of large values.

use serde_json::{Map, Value, json};

use super::canonical::{self, without_nul};
use super::chain::AuditHash;
use crate::redactor::Redactor;

/// The largest value that is kept unchanged, in bytes of its canonical text.
pub const MAX_VALUE_BYTES: usize = 1024;
/// The length of a preview of a large value, in bytes of its canonical text.
const PREVIEW_BYTES: usize = 600;
/// The most characters that a preview shows of one member of a large object.
const MEMBER_CHARS: usize = 160;
/// Deeper values are replaced by their digests, because JSON readers limit the depth.
const MAX_DEPTH: usize = 16;
/// Hides secrets and shortens large values. Sanitizing twice changes nothing.
#[derive(Debug, Clone, Default)]
pub struct AuditSanitizer {
    redactor: Redactor,
}

impl AuditSanitizer {
    /// Returns a sanitizer that hides the secrets of `redactor`.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor }
    }

    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Returns the details of an entry as they are stored: each value over [`MAX_VALUE_BYTES`] is
    /// replaced by its [digest](Self::digest_redacted).
    pub fn sanitize_details(&self, details: Value) -> Value {
        match self.redact_value(details) {
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (name, shorten_value(value, MAX_DEPTH)))
                .collect(),
            other => shorten_value(other, MAX_DEPTH),
        }
    }

    /// Returns `{sha256, bytes, preview}` of a value without its secrets. Text is hashed as it is,
    /// any other value by its canonical text.
    pub fn digest_redacted(&self, value: &Value) -> Value {
        digest_value(&self.redact_value(value.clone()))
    }

    /// Returns a text without secrets.
    pub fn sanitize_text(&self, text: &str) -> String {
        self.redactor.redact_text(&without_nul(text))
    }

    fn redact_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.sanitize_text(&text)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.redact_value(item))
                .collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.sanitize_text(&name), self.redact_value(value)))
                .collect(),
            other => other,
        }
    }
}

fn shorten_value(value: Value, depth: usize) -> Value {
    if is_digest(&value) {
        return value;
    }
    if depth == 0 && (value.is_array() || value.is_object()) {
        return digest_value(&value);
    }
    let value = match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| shorten_value(item, depth - 1))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, shorten_value(value, depth - 1)))
            .collect(),
        other => other,
    };
    if canonical::to_text(&value).len() > MAX_VALUE_BYTES {
        digest_value(&value)
    } else {
        value
    }
}

/// Returns whether the value is already a digest, which stays unchanged.
fn is_digest(value: &Value) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    let hash = members.get("sha256").and_then(Value::as_str);
    members.len() == 3
        && hash.is_some_and(|hash| hash.parse::<AuditHash>().is_ok())
        && members.get("bytes").is_some_and(Value::is_u64)
        && members.contains_key("preview")
        && canonical::to_text(value).len() <= MAX_VALUE_BYTES
}

fn digest_value(value: &Value) -> Value {
    let (digested, preview) = match value {
        Value::String(text) => (
            text.clone(),
            Value::from(truncate_text(text, PREVIEW_BYTES)),
        ),
        Value::Object(members) => (
            canonical::to_text(value),
            Value::Object(preview_members(members)),
        ),
        other => {
            let text = canonical::to_text(other);
            let preview = Value::from(truncate_text(&text, PREVIEW_BYTES));
            (text, preview)
        }
    };
    json!({
        "sha256": AuditHash::of(digested.as_bytes()),
        "bytes": digested.len(),
        "preview": preview,
    })
}

/// Returns the beginnings of as many members of a large object as fit.
fn preview_members(members: &Map<String, Value>) -> Map<String, Value> {
    let mut room = PREVIEW_BYTES;
    let mut shown = Map::new();
    for (name, value) in members {
        let text = match value {
            Value::String(text) => text.clone(),
            other => canonical::to_text(other),
        };
        let text: String = text.chars().take(MEMBER_CHARS).collect();
        let name = truncate_text(name, room / 2);
        let used = canonical::to_text(&json!({ name.as_str(): "" })).len();
        let Some(left) = room.checked_sub(used).filter(|left| *left > 0) else {
            break;
        };
        let text = truncate_text(&text, left);
        room = left.saturating_sub(canonical::to_text(&json!(text)).len());
        shown.insert(name, Value::from(text));
    }
    shown
}

/// Returns the longest beginning of `text` whose canonical text has at most `bytes` bytes.
fn truncate_text(text: &str, bytes: usize) -> String {
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
    use crate::audit::canonical::tests::any_json;
    use crate::redactor::HIDDEN;
    use proptest::prelude::*;
    use secrecy::SecretString;

    fn sanitizer() -> AuditSanitizer {
        let secrets = ["hunter2-hunter2", "hunter2", "x"];
        AuditSanitizer::new(Redactor::new(secrets.map(SecretString::from)))
    }

    #[test]
    fn secrets_are_hidden_in_names_values_and_urls() {
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
        assert_eq!(sanitizer().sanitize_details(details), expected);
        assert!(!format!("{:?}", sanitizer()).contains("hunter2"));
    }

    #[test]
    fn a_secret_is_hidden_before_anything_is_digested() {
        let long = format!("{} sk-ant-secret", "long ".repeat(300));
        let clean = sanitizer().sanitize_details(json!({ "long": long }));
        let known = long.replace("sk-ant-secret", HIDDEN);
        assert_eq!(
            clean["long"]["sha256"],
            json!(AuditHash::of(known.as_bytes()))
        );
        assert_eq!(clean["long"]["bytes"], known.len());
        assert!(known.starts_with(clean["long"]["preview"].as_str().unwrap()));
    }

    #[test]
    fn a_large_object_shows_the_beginning_of_each_member() {
        let input = json!({"content": "<p>".repeat(5000), "file_path": "/clone/site/new.html"});
        let digest = sanitizer().digest_redacted(&input);
        assert_eq!(digest["preview"]["file_path"], "/clone/site/new.html");
        assert_eq!(digest["preview"]["content"], "<p>".repeat(54)[..160]);
        assert_eq!(
            digest["sha256"],
            json!(AuditHash::of(canonical::to_text(&input).as_bytes()))
        );
    }

    #[test]
    fn a_false_digest_does_not_smuggle_a_large_value() {
        let false_one =
            json!({"sha256": AuditHash::of(b""), "bytes": 1, "preview": "x".repeat(5000)});
        let clean = sanitizer().sanitize_details(json!({ "input": false_one }));
        assert!(canonical::to_text(&clean).len() < 1200, "{clean}");
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let clean = sanitizer().sanitize_details(json!({ "deep": deep }));
        assert!(clean.to_string().contains("sha256"), "{clean}");
    }

    proptest! {
        #[test]
        fn sanitizing_again_changes_nothing_and_no_value_is_large(value in any_json(), times in 1..60_usize) {
            let many: Vec<Value> = std::iter::repeat_n(value, times).collect();
            let clean = sanitizer().sanitize_details(json!({ "many": many }));
            prop_assert_eq!(sanitizer().sanitize_details(clean.clone()), clean.clone());
            prop_assert!(canonical::to_text(&clean["many"]).len() <= MAX_VALUE_BYTES);
        }
    }
}
