//! What a configuration key is: its name, what it takes, and the environment variable of that name.

use serde::Serialize;

/// One key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigKey {
    /// The dotted name, each part in camelCase: `agents.silenceSeconds`.
    pub name: &'static str,
    /// What it takes.
    pub kind: ValueKind,
    /// The built-in default in the notation of the command line; without one the key may be unset.
    pub default: Option<&'static str>,
    /// What it is for, in one line.
    pub help: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Any text that is not empty and has no control characters.
    Text,
    /// An `http` or `https` URL without user, query or fragment.
    Url,
    /// The URL of a server that stands for itself: `scheme://user@host:port/name`, with one of these
    /// schemes. It may hold a password, which is never shown.
    Server(&'static [&'static str]),
    /// A path; in a file relative to that file, elsewhere relative to the working directory.
    Path,
    /// A whole number within bounds, both included.
    Integer {
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
    /// An amount of US dollars.
    Usd,
    /// Hosts that agents may reach, parted by commas; in a file also a list.
    Hosts,
    /// One of the words listed.
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

    /// Returns whether the key may have no value at all, written `none`.
    pub fn is_optional(&self) -> bool {
        self.default.is_none()
    }

    /// Returns what the key takes, for people: `a whole number from 1 to 64`.
    pub fn expects(&self) -> String {
        let what = match self.kind {
            ValueKind::Text => "a text".to_owned(),
            ValueKind::Url => "an http or https URL without user, query or fragment".to_owned(),
            ValueKind::Server(schemes) => format!(
                "the URL of a server, which starts with {}",
                join_schemes(schemes)
            ),
            ValueKind::Path => "a path".to_owned(),
            ValueKind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            ValueKind::Usd => "an amount in US dollars like 25 or 0.75".to_owned(),
            ValueKind::Hosts => {
                "hosts parted by commas, like crates.io, *.crates.io or mirror.example:8443"
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
