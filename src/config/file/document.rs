//! Reads `config.yaml` into values; errors name the line and column.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8Path;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::ConfigError;
use crate::keys::key::{ConfigKey, ValueKind};
use crate::keys::value::{ConfigValue, bad_value};
use crate::keys::{KEYS, find_key};

/// The values that a file sets, by key name.
pub type ConfigDocument = BTreeMap<&'static str, ConfigValue>;

/// Parses the YAML text of the file `path`. A section or an optional key without a value sets nothing.
pub fn parse(path: &Utf8Path, text: &str) -> Result<ConfigDocument, ConfigError> {
    let reading = ParseState::default();
    let section = SectionVisitor {
        name: String::new(),
        reading: &reading,
    };
    if text.lines().all(is_blank) {
        return Ok(ConfigDocument::new());
    }
    section
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| with_location(path, &error, reading.problem.take()))?;
    Ok(reading.found.into_inner())
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn with_location(
    path: &Utf8Path,
    error: &serde_yaml::Error,
    problem: Option<ConfigError>,
) -> ConfigError {
    let problem = problem.unwrap_or_else(|| ConfigError::Yaml(strip_location(error)));
    match error.location() {
        Some(place) => ConfigError::AtPosition {
            path: path.to_owned(),
            line: place.line(),
            column: place.column(),
            problem: Box::new(problem),
        },
        None => problem.in_source(path.as_str()),
    }
}

/// Removes the location at the end of a message of the YAML library; the error has it already.
fn strip_location(error: &serde_yaml::Error) -> String {
    let message = error.to_string();
    match message.split_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => message,
    }
}

/// The values so far, and the problem that stopped the parser: an error of the YAML library knows its
/// location but can only contain text.
#[derive(Default)]
struct ParseState {
    found: RefCell<ConfigDocument>,
    seen: RefCell<Vec<String>>,
    problem: RefCell<Option<ConfigError>>,
}

impl ParseState {
    fn record_problem<E: Error>(&self, problem: ConfigError) -> E {
        let error = E::custom(&problem);
        self.problem.replace(Some(problem));
        error
    }
}

/// A mapping: the whole file, or a section like `agents`.
#[derive(Clone)]
struct SectionVisitor<'a> {
    name: String,
    reading: &'a ParseState,
}

impl<'de> DeserializeSeed<'de> for SectionVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> SectionVisitor<'a> {
    fn key_name_visitor(&self) -> KeyNameVisitor<'a> {
        KeyNameVisitor {
            section: self.name.clone(),
            reading: self.reading,
        }
    }

    fn not_a_section<E: Error>(&self) -> E {
        let section = match self.name.as_str() {
            "" => "the file".to_owned(),
            name => name.to_owned(),
        };
        self.reading
            .record_problem(ConfigError::NotASection { section })
    }
}

impl<'de> Visitor<'de> for SectionVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(entry) = map.next_key_seed(self.key_name_visitor())? {
            match entry {
                SectionOrKey::Section(name) => map.next_value_seed(SectionVisitor {
                    name,
                    reading: self.reading,
                })?,
                SectionOrKey::Key(key) => map.next_value_seed(ScalarVisitor {
                    key,
                    reading: self.reading,
                })?,
            }
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Err(self.not_a_section())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Err(self.not_a_section())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Err(self.not_a_section())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Err(self.not_a_section())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(self.not_a_section())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.not_a_section())
    }
}

/// Reads the name before a colon.
struct KeyNameVisitor<'a> {
    section: String,
    reading: &'a ParseState,
}

enum SectionOrKey {
    Section(String),
    Key(&'static ConfigKey),
}

impl<'de> DeserializeSeed<'de> for KeyNameVisitor<'_> {
    type Value = SectionOrKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SectionOrKey, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyNameVisitor<'_> {
    type Value = SectionOrKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a key")
    }

    fn visit_str<E: Error>(self, part: &str) -> Result<SectionOrKey, E> {
        let name = match self.section.as_str() {
            "" => part.to_owned(),
            section => format!("{section}.{part}"),
        };
        let mut seen = self.reading.seen.borrow_mut();
        if seen.contains(&name) {
            return Err(self
                .reading
                .record_problem(ConfigError::Duplicate { key: name }));
        }
        seen.push(name.clone());
        let prefix = format!("{name}.");
        if KEYS.iter().any(|key| key.name.starts_with(&prefix)) {
            return Ok(SectionOrKey::Section(name));
        }
        find_key(&name)
            .map(SectionOrKey::Key)
            .map_err(|problem| self.reading.record_problem(problem))
    }
}

/// Reads the value after a colon.
struct ScalarVisitor<'a> {
    key: &'static ConfigKey,
    reading: &'a ParseState,
}

impl ScalarVisitor<'_> {
    fn set<E: Error>(self, text: &str) -> Result<(), E> {
        match ConfigValue::parse(self.key, text) {
            Ok(value) => {
                self.reading.found.borrow_mut().insert(self.key.name, value);
                Ok(())
            }
            Err(problem) => Err(self.reading.record_problem(problem)),
        }
    }

    /// Sets a number or boolean that YAML has already parsed. Its text might differ from the file (`1.10`),
    /// so a text key requires quotes.
    fn set_number<E: Error>(self, number: &str) -> Result<(), E> {
        match self.key.kind {
            ValueKind::Integer { .. } | ValueKind::Usd => self.set(number),
            _ => Err(self.reading.record_problem(ConfigError::BadValue {
                key: self.key.name,
                value: number.to_owned(),
                expected: format!("{} (put it in quotes)", self.key.expects()),
            })),
        }
    }

    fn refuse<T, E: Error>(self, text: &str) -> Result<T, E> {
        Err(self.reading.record_problem(bad_value(self.key, text)))
    }
}

impl<'de> DeserializeSeed<'de> for ScalarVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key.expects())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.set(text)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.key.is_optional() {
            return Ok(());
        }
        self.refuse("")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.set_number(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.set_number(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.set_number(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.set_number(&value.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.key.kind != ValueKind::Hosts {
            return self.refuse("a list");
        }
        let mut entries: Vec<String> = Vec::new();
        while let Some(entry) = list.next_element::<String>()? {
            // A comma would split the entry.
            if entry.contains(',') {
                return self.refuse(&entry);
            }
            entries.push(entry);
        }
        self.set(&entries.join(","))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.refuse("a mapping")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConfigDocument, String> {
        parse(Utf8Path::new("config.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn sections_nest_and_empty_sections_set_nothing() {
        let text = "model:\n  roles:\n    qa: opus\n  keyFile:\nagents:\nbudget: {taskUsd: 0.75}\n";
        let found = read(text).unwrap();
        assert_eq!(
            found.keys().copied().collect::<Vec<_>>(),
            ["budget.taskUsd", "model.roles.qa"]
        );
        for empty in ["", "# nothing\n\n", "---\n", "{}", "~"] {
            assert_eq!(read(empty).unwrap(), ConfigDocument::new(), "{empty:?}");
        }
    }

    #[test]
    fn a_list_of_hosts_may_be_written_as_a_list() {
        let text = "egress:\n  packages:\n    - crates.io\n    - '*.npmjs.org'\n  metrics: []\n";
        let found = read(text).unwrap();
        assert_eq!(
            found["egress.packages"].to_string(),
            "crates.io,*.npmjs.org"
        );
        assert_eq!(found["egress.metrics"].to_string(), "");
        let error = read("egress:\n  packages: [crates.io, 'a,b']\n").unwrap_err();
        assert!(
            error.contains("egress.packages") && error.contains("a,b"),
            "{error}"
        );
        let error = read("egress:\n  packages: [crates.io, '*']\n").unwrap_err();
        assert!(error.contains(":2:") && error.contains("star"), "{error}");
    }

    #[test]
    fn every_error_names_the_place_and_the_mistake() {
        let errors: Vec<String> = [
            "agents:\n  parallel: many\n",
            "agents:\n  paralel: 4\n",
            "agents:\n  parallel: 4\n  parallel: 5\n",
            "agents: 4\n",
            "- a\n- b\n",
            "agents:\n  parallel: [1, 2]\n",
            "model:\n  name: 4\n",
            "model:\n  name:\n",
            "model:\n  name: \"unclosed\n",
            "model:\n\tname: x\n",
            "a: 1\n---\nb: 2\n",
            "agents.parallel: &a {x: *a}\n",
            "1: 2\n",
        ]
        .into_iter()
        .map(|text| read(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn hostile_depth_is_an_error() {
        assert!(read(&"[".repeat(1_000)).is_err());
        assert!(read(&format!("model:\n  name: {}", "[".repeat(1_000))).is_err());
    }
}
