//! Unambiguous JSON: a repeated key is rejected, because the gateway and the endpoint could read
//! different values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value whose objects keep the order of their keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StrictJson {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<StrictJson>),
    Object(Vec<(String, StrictJson)>),
}

impl StrictJson {
    pub fn get(&self, key: &str) -> Option<&StrictJson> {
        match self {
            StrictJson::Object(members) => members.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            StrictJson::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_list(&self) -> &[StrictJson] {
        match self {
            StrictJson::List(items) => items,
            _ => &[],
        }
    }

    /// Returns a non-negative whole number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked: whole and small enough to be exact"
    )]
    pub fn as_whole_number(&self) -> Option<u64> {
        match self {
            StrictJson::Number(n)
                if *n >= 0.0 && n.fract() == 0.0 && *n <= (1_u64 << 53) as f64 =>
            {
                Some(*n as u64)
            }
            _ => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            StrictJson::Null => true,
            StrictJson::List(items) => items.is_empty(),
            StrictJson::Object(members) => members.is_empty(),
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictJsonVisitor)
    }
}

struct StrictJsonVisitor;

impl<'de> Visitor<'de> for StrictJsonVisitor {
    type Value = StrictJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<StrictJson, E> {
        Ok(StrictJson::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<StrictJson, E> {
        Ok(StrictJson::Bool(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "only small numbers are looked at"
    )]
    fn visit_u64<E: Error>(self, value: u64) -> Result<StrictJson, E> {
        Ok(StrictJson::Number(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "only small numbers are looked at"
    )]
    fn visit_i64<E: Error>(self, value: i64) -> Result<StrictJson, E> {
        Ok(StrictJson::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<StrictJson, E> {
        Ok(StrictJson::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<StrictJson, E> {
        Ok(StrictJson::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<StrictJson, E> {
        Ok(StrictJson::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<StrictJson, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(StrictJson::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<StrictJson, A::Error> {
        let mut members = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, value)) = access.next_entry::<String, StrictJson>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("the key {key:?} occurs twice")));
            }
            members.push((key, value));
        }
        Ok(StrictJson::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_refused_however_it_is_spelled() {
        let twice = r#"{"a":[{"max_tokens":1,"max\u005ftokens":2}]}"#;
        assert!(serde_json::from_str::<StrictJson>(twice).is_err());
        let once =
            serde_json::from_str::<StrictJson>(r#"{"a":{"b":[1,null,"x",true,-1.5]}}"#).unwrap();
        assert_eq!(once.get("a").unwrap().get("b").unwrap().as_list().len(), 5);
    }
}
