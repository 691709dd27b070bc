//! Merges the layers: for each key, the strongest value and its origin.

use camino::Utf8Path;
use serde::Serialize;

use super::environment::ProcessEnvironment;
use super::error::ConfigError;
use super::nearest::find_nearest;
use crate::data_directory::DataDirectory;
use crate::file::document::{self, ConfigDocument};
use crate::keys::key::ConfigKey;
use crate::keys::value::ConfigValue;
use crate::keys::{KEYS, find_key};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ValueOrigin {
    /// Built in.
    Default,
    /// `config.yaml` of the data directory.
    File,
    /// The variable of the key.
    Environment,
    /// `--set` on the command line.
    Flag,
}

/// One key with its effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    pub key: &'static ConfigKey,
    pub value: ConfigValue,
    pub origin: ValueOrigin,
}

/// A value of the command line, which overrides every other layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigOverride {
    key: &'static ConfigKey,
    value: ConfigValue,
}

impl ConfigOverride {
    /// Parses the `KEY=VALUE` of `--set`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ConfigError::NotAnAssignment(text.to_owned()))?;
        let key = find_key(name)?;
        let value = ConfigValue::parse(key, value)?;
        Ok(Self { key, value })
    }
}

/// Every key with its value and origin, and warnings.
#[derive(Debug, Clone)]
pub struct ConfigLayers {
    entries: Vec<ConfigEntry>,
    /// Messages about variables that start with `EKLAVYA_` but match no key.
    pub warnings: Vec<String>,
}

impl ConfigLayers {
    /// Reads the layers. Relative paths of the environment and the command line are relative to
    /// `working_directory`, those of the file to the data directory. A missing file is an empty file.
    pub fn read(
        home: &DataDirectory,
        environment: &ProcessEnvironment,
        overrides: &[ConfigOverride],
        working_directory: &Utf8Path,
    ) -> Result<Self, ConfigError> {
        let user_home = environment.get("HOME")?;
        let file = read_file(&home.config_file())?;
        let layer = |key| match find_strongest(key, overrides, environment, &file)? {
            Some((value, origin)) => {
                let base = match origin {
                    ValueOrigin::File => &home.path,
                    _ => working_directory,
                };
                let value = value.resolve_path(base, user_home);
                Ok(ConfigEntry { key, value, origin })
            }
            None => default_entry(key),
        };
        Ok(Self {
            entries: KEYS.iter().map(layer).collect::<Result<_, _>>()?,
            warnings: warn_unknown_variables(environment),
        })
    }

    /// Returns every key, in the order of the table.
    pub fn entries(&self) -> &[ConfigEntry] {
        &self.entries
    }

    /// Returns the entry of the key called `name`.
    pub fn get(&self, name: &str) -> Result<&ConfigEntry, ConfigError> {
        let key = find_key(name)?;
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .ok_or(ConfigError::TypeMismatch(key.name))
    }
}

/// Reads `config.yaml`; a missing file sets nothing.
fn read_file(path: &Utf8Path) -> Result<ConfigDocument, ConfigError> {
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => document::parse(path, &text),
            Err(_) => {
                Err(ConfigError::Yaml("it is not UTF-8 text".to_owned()).in_source(path.as_str()))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigDocument::new()),
        Err(source) => Err(ConfigError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

fn find_strongest(
    key: &'static ConfigKey,
    overrides: &[ConfigOverride],
    environment: &ProcessEnvironment,
    file: &ConfigDocument,
) -> Result<Option<(ConfigValue, ValueOrigin)>, ConfigError> {
    // The last of several flags wins.
    if let Some(flag) = overrides.iter().rev().find(|flag| flag.key == key) {
        return Ok(Some((flag.value.clone(), ValueOrigin::Flag)));
    }
    let variable = key.environment_variable();
    if let Some(text) = environment.get(&variable)? {
        let value = ConfigValue::parse(key, text).map_err(|problem| problem.in_source(variable))?;
        return Ok(Some((value, ValueOrigin::Environment)));
    }
    let value = file.get(key.name).cloned();
    Ok(value.map(|value| (value, ValueOrigin::File)))
}

fn default_entry(key: &'static ConfigKey) -> Result<ConfigEntry, ConfigError> {
    let value = key
        .default
        .map_or(Ok(ConfigValue::None), |text| ConfigValue::parse(key, text))?;
    Ok(ConfigEntry {
        key,
        value,
        origin: ValueOrigin::Default,
    })
}

/// Without a warning, a mistyped variable would have no effect.
fn warn_unknown_variables(environment: &ProcessEnvironment) -> Vec<String> {
    let mut known: Vec<String> = KEYS.iter().map(ConfigKey::environment_variable).collect();
    known.push(crate::data_directory::HOME_VARIABLE.to_owned());
    environment
        .names()
        .filter(|name| name.starts_with("EKLAVYA_") && !known.iter().any(|known| known == name))
        .map(
            |name| match find_nearest(name, known.iter().map(String::as_str)) {
                Some(meant) => {
                    format!("{name} matches no configuration key; did you mean {meant}?")
                }
                None => format!("{name} matches no configuration key"),
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataDirectoryOrigin;
    use camino::Utf8PathBuf;

    struct LayersFixture(tempfile::TempDir);

    impl LayersFixture {
        fn with_file(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("config.yaml"), text).unwrap();
            Self(directory)
        }

        fn home(&self) -> DataDirectory {
            DataDirectory {
                path: Utf8PathBuf::from_path_buf(self.0.path().to_owned()).unwrap(),
                origin: DataDirectoryOrigin::Flag,
            }
        }

        fn read(
            &self,
            variables: &[(&str, &str)],
            flags: &[&str],
        ) -> Result<ConfigLayers, ConfigError> {
            let flags: Vec<_> = flags
                .iter()
                .map(|flag| ConfigOverride::parse(flag).unwrap())
                .collect();
            let environment = variables.iter().copied().collect();
            ConfigLayers::read(&self.home(), &environment, &flags, Utf8Path::new("/cwd"))
        }
    }

    fn shown(layers: &ConfigLayers, key: &str) -> (String, ValueOrigin) {
        let entry = layers.get(key).unwrap();
        (entry.value.to_string(), entry.origin)
    }

    #[test]
    fn each_layer_overrides_the_one_below() {
        let case = LayersFixture::with_file("agents: {parallel: 5}\n");
        let variable = [("EKLAVYA_AGENTS_PARALLEL", "6")];
        let flags = ["agents.parallel=7", "agents.parallel=8"];
        let key = "agents.parallel";
        for (layers, value, origin) in [
            (
                LayersFixture::with_file("").read(&[], &[]),
                "4",
                ValueOrigin::Default,
            ),
            (case.read(&[], &[]), "5", ValueOrigin::File),
            (
                case.read(&[("EKLAVYA_AGENTS_PARALLEL", "")], &[]),
                "5",
                ValueOrigin::File,
            ),
            (case.read(&variable, &[]), "6", ValueOrigin::Environment),
            (case.read(&variable, &flags), "8", ValueOrigin::Flag),
        ] {
            assert_eq!(shown(&layers.unwrap(), key), (value.to_owned(), origin));
        }
    }

    #[test]
    fn none_in_a_stronger_layer_takes_a_limit_away() {
        let case = LayersFixture::with_file("budget: {overallUsd: 5}\n");
        let layers = case
            .read(&[("EKLAVYA_BUDGET_OVERALL_USD", "none")], &[])
            .unwrap();
        assert_eq!(
            layers.get("budget.overallUsd").unwrap().value,
            ConfigValue::None
        );
    }

    #[test]
    fn paths_are_relative_to_their_layer() {
        let case = LayersFixture::with_file("model: {keyFile: key}\nclaude: {path: ~/claude}\n");
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
    fn a_bad_variable_is_an_error_and_a_mistyped_one_a_warning() {
        let case = LayersFixture::with_file("");
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
            ["EKLAVYA_MODEL_ULR matches no configuration key; did you mean EKLAVYA_MODEL_URL?"]
        );
    }

    #[test]
    fn a_flag_must_be_an_assignment_of_a_known_key() {
        for flag in ["agents.parallel", "agents=4", "agents.parallel=0", "=4"] {
            assert!(ConfigOverride::parse(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_file_that_is_not_text_is_an_error() {
        let case = LayersFixture::with_file("");
        std::fs::write(case.home().config_file(), [0xff, 0xfe]).unwrap();
        assert!(
            case.read(&[], &[])
                .unwrap_err()
                .to_string()
                .contains("not UTF-8")
        );
    }
}
