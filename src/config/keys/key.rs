//! A configuration key: its name, its values, and its environment variable.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigKey {
    /// The dotted name, each part in camelCase: `agents.silenceSeconds`.
    pub name: &'static str,
    pub kind: ValueKind,
    /// The built-in default in the notation of the command line; a key without one may be unset.
    pub default: Option<&'static str>,
    /// The description, in one line.
    pub help: &'static str,
}

/// The values that a key accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A non-empty text without control characters.
    Text,
    /// An `http` or `https` URL without user, query or fragment.
    Url,
    /// The URL of a server, `scheme://user@host:port/name`, with one of these schemes. It may contain a
    /// password, which is never shown.
    Server(&'static [&'static str]),
    /// A path; relative to the data directory if it is in `config.yaml`, otherwise to the working directory.
    Path,
    /// A whole number from `min` to `max`, both included.
    Integer { min: u64, max: u64 },
    /// An amount of US dollars.
    Usd,
    /// Hosts that agents may reach, separated by commas; in a file also a list.
    Hosts,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl ConfigKey {
    /// Returns the environment variable of this key: `model.keyFile` is `EKLAVYA_MODEL_KEY_FILE`.
    pub fn environment_variable(&self) -> String {
        let mut name = String::from("EKLAVYA_");
        for letter in self.name.chars() {
            match letter {
                '.' => name.push('_'),
                upper if upper.is_ascii_uppercase() => {
                    name.push('_');
                    name.push(upper);
                }
                lower => name.push(lower.to_ascii_uppercase()),
            }
        }
        name
    }

    /// Returns whether the key may have no value, which is written `none`.
    pub fn is_optional(&self) -> bool {
        self.default.is_none()
    }

    /// Describes the accepted values for people: `a whole number from 1 to 64`.
    pub fn expects(&self) -> String {
        let what = match self.kind {
            ValueKind::Text => "text".to_owned(),
            ValueKind::Url => "an http or https URL without user, query or fragment".to_owned(),
            ValueKind::Server(schemes) => {
                format!("a server URL that starts with {}", join_schemes(schemes))
            }
            ValueKind::Path => "a path".to_owned(),
            ValueKind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            ValueKind::Usd => "an amount in US dollars such as 25 or 0.75".to_owned(),
            ValueKind::Hosts => {
                "hosts separated by commas, such as crates.io, *.crates.io or mirror.example:8443"
                    .to_owned()
            }
            ValueKind::OneOf(words) => format!("one of {}", words.join(", ")),
        };
        if self.is_optional() {
            format!("{what}, or none")
        } else {
            what
        }
    }
}

fn join_schemes(schemes: &[&str]) -> String {
    let schemes: Vec<String> = schemes
        .iter()
        .map(|scheme| format!("{scheme}://"))
        .collect();
    schemes.join(" or ")
}

impl Serialize for ConfigKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use crate::find_key;

    #[test]
    fn the_variable_follows_from_the_name() {
        for (name, variable) in [
            ("agents.parallel", "EKLAVYA_AGENTS_PARALLEL"),
            ("model.keyFile", "EKLAVYA_MODEL_KEY_FILE"),
            ("model.roles.qa", "EKLAVYA_MODEL_ROLES_QA"),
            ("budget.overallUsd", "EKLAVYA_BUDGET_OVERALL_USD"),
        ] {
            assert_eq!(find_key(name).unwrap().environment_variable(), variable);
        }
    }
}
