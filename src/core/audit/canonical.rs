//! The canonical form of JSON: one text for one value, whichever database stored it.
//!
//! - Members of objects in the byte order of their names; no blanks.
//! - Strings as they are, except `\"`, `\\`, and `\u00xx` for characters below U+0020. U+0000,
//!   which PostgreSQL cannot store, becomes U+FFFD.
//! - Whole numbers below 10^21 without point or exponent, however they were written (`1.0`, `1e3`,
//!   `-0`): JSONB keeps a number's value, not its notation. Other numbers in the form `1.5e-7`.
//!   Numbers that are not 64-bit integers are doubles, in the shortest digits that reproduce them.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// Replaces U+0000, which PostgreSQL can store neither in a text nor in JSONB.
pub(crate) const NUL_STAND_IN: &str = "\u{FFFD}";

/// Returns `text` in a form that both databases can store.
pub fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', NUL_STAND_IN))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns the canonical text of `value`.
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    push_value(&mut text, value);
    text
}

fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => push_number(text, number),
        Value::String(string) => push_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                push_comma(text, place);
                push_value(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => push_object(text, members),
    }
}

fn push_object(text: &mut String, members: &Map<String, Value>) {
    let mut sorted: Vec<(Cow<str>, &Value)> = members
        .iter()
        .map(|(name, value)| (without_nul(name), value))
        .collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    text.push('{');
    for (place, (name, value)) in sorted.into_iter().enumerate() {
        push_comma(text, place);
        push_string(text, &name);
        text.push(':');
        push_value(text, value);
    }
    text.push('}');
}

fn push_comma(text: &mut String, place: usize) {
    if place > 0 {
        text.push(',');
    }
}

/// Whole numbers from here on are not 64-bit integers, and are written with an exponent.
const WHOLE_BOUND: f64 = 1e21;

fn push_number(text: &mut String, number: &Number) {
    // Writing to a String does not fail.
    let _ = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), _, _) => write!(text, "{whole}"),
        (_, Some(whole), _) => write!(text, "{whole}"),
        // Adding 0 turns -0 into 0. The digits are the shortest ones, padded with zeros: JSONB
        // stores those, and may return the value as an integer.
        (_, _, Some(double)) if double.fract() == 0.0 && double.abs() < WHOLE_BOUND => {
            write!(text, "{}", double + 0.0)
        }
        (_, _, double) => write!(text, "{:e}", double.unwrap_or_default()),
    };
}

fn push_string(text: &mut String, string: &str) {
    text.push('"');
    for letter in string.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\0' => text.push_str(NUL_STAND_IN),
            '\u{1}'..'\u{20}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_canonical_text_sorts_names_and_normalizes_numbers() {
        let value =
            json!({"b": [1, 1.0, -0.0, 1e3, 0.1, -2.5e-9], "a\n": "é\"\\\u{1f}\0", "": null});
        let expected = "{\"\":null,\"a\\u000a\":\"é\\\"\\\\\\u001f\u{FFFD}\",\
            \"b\":[1,1,0,1000,1e-1,-2.5e-9]}";
        assert_eq!(to_text(&value), expected);
    }

    #[test]
    fn numbers_at_the_bounds_have_a_canonical_text() {
        let cases = [
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709552000"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("-9223372036854775808.0", "-9223372036854776000"),
            ("12345678901234567168.0", "12345678901234567000"),
            ("1e21", "1e21"),
            ("-9223372036854777856", "-9223372036854778000"),
            ("1e18", "1000000000000000000"),
            ("9007199254740993", "9007199254740993"),
            ("1.7976931348623157e308", "1.7976931348623157e308"),
            ("5e-324", "5e-324"),
            ("-0", "0"),
        ];
        for (written, canonical) in cases {
            let value: Value = serde_json::from_str(written).unwrap();
            assert_eq!(to_text(&value), canonical, "{written}");
        }
    }

    /// Any JSON, with names, strings and doubles of every kind.
    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let string = prop_oneof![any::<String>(), "[\\x00-\\x20\"\\\\é]{0,8}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n))),
            string.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 6, move |inner| {
            let members = prop::collection::btree_map(string.clone(), inner.clone(), 0..6);
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::from),
                members.prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonicalizing_a_canonical_text_changes_nothing(value in any_json()) {
            let canonical = to_text(&value);
            let read: Value = serde_json::from_str(&canonical).unwrap();
            prop_assert_eq!(to_text(&read), canonical);
        }
    }
}
