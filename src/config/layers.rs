//! The layers on top of each other: for each key the strongest value and where it comes from.

use camino::Utf8Path;
use serde::Serialize;

use super::document::{self, Document};
use super::environment::Environment;
use super::error::ConfigError;
use super::home::Home;
use super::key::Key;
use super::keys::{KEYS, find};
use super::nearest::nearest;
use super::value::Value;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// Built in.
    Default,
    /// `config.yaml` of the data directory.
    File,
    /// The variable of the key.
    Environment,
    /// `--set` on the command line.
    Flag,
}

/// One key with the value that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: &'static Key,
    /// Its value.
    pub value: Value,
    /// The layer that the value comes from.
    pub origin: Origin,
}

/// A value of the command line, stronger than every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    key: &'static Key,
    value: Value,
}

impl Override {
    /// Returns the override that `--set` names as `KEY=VALUE`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ConfigError::NotAnAssignment(text.to_owned()))?;
        let key = find(name)?;
        let value = Value::parse(key, value)?;
        Ok(Self { key, value })
    }
}

/// Every key with its value and origin, and what looks like a mistake but stops nothing.
#[derive(Debug, Clone)]
pub struct Layers {
    entries: Vec<Entry>,
    /// Variables that begin with `EKLAVYA_` and are none of ours, as messages for people.
    pub warnings: Vec<String>,
}

impl Layers {
    /// Reads the layers. `working_directory` is what relative paths of the environment and the
    /// command line hang below; those of the file hang below the data directory. A data directory
    /// without a file is one with an empty file.
    pub fn read(
        home: &Home,
        environment: &Environment,
        overrides: &[Override],
        working_directory: &Utf8Path,
    ) -> Result<Self, ConfigError> {
        let user_home = environment.get("HOME")?;
        let file = read_file(&home.config_file())?;
        let layer = |key| match strongest(key, overrides, environment, &file)? {
            Some((value, origin)) => {
                let base = match origin {
                    Origin::File => &home.path,
                    _ => working_directory,
                };
                let value = value.resolved(base, user_home);
                Ok(Entry { key, value, origin })
            }
            None => default(key),
        };
        Ok(Self {
            entries: KEYS.iter().map(layer).collect::<Result<_, _>>()?,
            warnings: strangers(environment),
        })
    }

    /// Returns every key, in the order of the table.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the entry of the key called `name`.
    pub fn get(&self, name: &str) -> Result<&Entry, ConfigError> {
        let key = find(name)?;
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .ok_or(ConfigError::Untyped(key.name))
    }
}

/// Reads `config.yaml`; one that is not there sets nothing.
fn read_file(path: &Utf8Path) -> Result<Document, ConfigError> {
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => document::parse(path, &text),
            Err(_) => {
                Err(ConfigError::Yaml("it is not UTF-8 text".to_owned()).within(path.as_str()))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Document::new()),
        Err(source) => Err(ConfigError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

fn strongest(
    key: &'static Key,
    overrides: &[Override],
    environment: &Environment,
    file: &Document,
) -> Result<Option<(Value, Origin)>, ConfigError> {
    // The last of several flags wins, as everywhere.
    if let Some(flag) = overrides.iter().rev().find(|flag| flag.key == key) {
        return Ok(Some((flag.value.clone(), Origin::Flag)));
    }
    let variable = key.variable();
    if let Some(text) = environment.get(&variable)? {
        let value = Value::parse(key, text).map_err(|problem| problem.within(variable))?;
        return Ok(Some((value, Origin::Environment)));
    }
    let value = file.get(key.name).cloned();
    Ok(value.map(|value| (value, Origin::File)))
}

fn default(key: &'static Key) -> Result<Entry, ConfigError> {
    let value = key
        .default
        .map_or(Ok(Value::None), |text| Value::parse(key, text))?;
    Ok(Entry {
        key,
        value,
        origin: Origin::Default,
    })
}

/// A mistyped variable would silently change nothing.
fn strangers(environment: &Environment) -> Vec<String> {
    let mut known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    known.push(super::home::VARIABLE.to_owned());
    environment
        .names()
        .filter(|name| name.starts_with("EKLAVYA_") && !known.iter().any(|known| known == name))
        .map(
            |name| match nearest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("{name} is not a setting; did you mean {meant}?"),
                None => format!("{name} is not a setting"),
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HomeOrigin;
    use camino::Utf8PathBuf;

    struct Case(tempfile::TempDir);

    impl Case {
        fn with_file(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("config.yaml"), text).unwrap();
            Self(directory)
        }

        fn home(&self) -> Home {
            Home {
                path: Utf8PathBuf::from_path_buf(self.0.path().to_owned()).unwrap(),
                origin: HomeOrigin::Flag,
            }
        }

        fn read(&self, variables: &[(&str, &str)], flags: &[&str]) -> Result<Layers, ConfigError> {
            let flags: Vec<_> = flags
                .iter()
                .map(|flag| Override::parse(flag).unwrap())
                .collect();
            let environment = variables.iter().copied().collect();
            Layers::read(&self.home(), &environment, &flags, Utf8Path::new("/cwd"))
        }
    }

    fn shown(layers: &Layers, key: &str) -> (String, Origin) {
        let entry = layers.get(key).unwrap();
        (entry.value.to_string(), entry.origin)
    }

    #[test]
    fn each_layer_covers_the_one_below() {
        let case = Case::with_file("agents: {parallel: 5}\n");
        let variable = [("EKLAVYA_AGENTS_PARALLEL", "6")];
        let flags = ["agents.parallel=7", "agents.parallel=8"];
        let key = "agents.parallel";
        for (layers, value, origin) in [
            (Case::with_file("").read(&[], &[]), "4", Origin::Default),
            (case.read(&[], &[]), "5", Origin::File),
            (
                case.read(&[("EKLAVYA_AGENTS_PARALLEL", "")], &[]),
                "5",
                Origin::File,
            ),
            (case.read(&variable, &[]), "6", Origin::Environment),
            (case.read(&variable, &flags), "8", Origin::Flag),
        ] {
            assert_eq!(shown(&layers.unwrap(), key), (value.to_owned(), origin));
        }
    }

    #[test]
    fn none_in_a_stronger_layer_takes_a_limit_away() {
        let case = Case::with_file("budget: {overallUsd: 5}\n");
        let layers = case
            .read(&[("EKLAVYA_BUDGET_OVERALL_USD", "none")], &[])
            .unwrap();
        assert_eq!(layers.get("budget.overallUsd").unwrap().value, Value::None);
    }

    #[test]
    fn paths_hang_below_the_place_that_names_them() {
        let case = Case::with_file("model: {keyFile: key}\nclaude: {path: ~/claude}\n");
        let home = [
            ("HOME", "/home/ada"),
            ("EKLAVYA_MODEL_REHEARSAL", "shop.yaml"),
        ];
        let layers = case.read(&home, &[]).unwrap();
        assert_eq!(
            shown(&layers, "model.keyFile").0,
            case.home().path.join("key")
        );
        assert_eq!(shown(&layers, "claude.path").0, "/home/ada/claude");
        assert_eq!(shown(&layers, "model.rehearsal").0, "/cwd/shop.yaml");
    }

    #[test]
    fn a_bad_variable_is_named_and_a_mistyped_one_is_warned_of() {
        let case = Case::with_file("");
        let error = case
            .read(&[("EKLAVYA_AGENTS_PARALLEL", "x")], &[])
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("EKLAVYA_AGENTS_PARALLEL: agents.parallel takes")
        );
        let layers = case
            .read(&[("EKLAVYA_MODEL_ULR", "x"), ("EKLAVYA_HOME", "/x")], &[])
            .unwrap();
        assert_eq!(
            layers.warnings,
            ["EKLAVYA_MODEL_ULR is not a setting; did you mean EKLAVYA_MODEL_URL?"]
        );
    }

    #[test]
    fn a_flag_must_be_an_assignment_of_a_known_key() {
        for flag in ["agents.parallel", "agents=4", "agents.parallel=0", "=4"] {
            assert!(Override::parse(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_file_that_is_not_text_is_an_error() {
        let case = Case::with_file("");
        std::fs::write(case.home().config_file(), [0xff, 0xfe]).unwrap();
        assert!(
            case.read(&[], &[])
                .unwrap_err()
                .to_string()
                .contains("not UTF-8")
        );
    }
}
