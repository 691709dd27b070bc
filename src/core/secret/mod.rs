//! Secrets of a project: how they are called, and what may be given them.

pub mod server_url;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::ids::ProjectId;

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// The shortest value, in bytes: a shorter one could not be kept out of logs, since it would stand in
/// every other line.
pub const MIN_VALUE_BYTES: usize = 8;
const MAX_NAME_BYTES: usize = 128;
/// What the sandbox gives every command, and what would change which programs run there.
const RESERVED_NAMES: [&str; 12] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "CI",
    "PWD",
    "PORT",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "ANTHROPIC_BASE_URL",
];

/// The name of a secret: that of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

/// A name that a secret cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretName {
    /// No environment variable is called so.
    #[error(
        "{0:?} cannot be the name of a secret: letters, digits and _ only, no digit first, at most \
         {MAX_NAME_BYTES} of them"
    )]
    Format(String),
    /// The variable has a meaning of its own.
    #[error("{0} cannot be the name of a secret: the variable is not free in a sandbox")]
    Reserved(String),
}

impl SecretName {
    /// The API key of the model's endpoint, in place of the installation's.
    pub const API_KEY: &str = "ANTHROPIC_API_KEY";
    /// The token of the model's endpoint, in place of the installation's credential.
    pub const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a credential of the model's endpoint, which the gateway alone gets.
    pub fn is_model_credential(&self) -> bool {
        matches!(self.as_str(), Self::API_KEY | Self::AUTH_TOKEN)
    }
}

impl FromStr for SecretName {
    type Err = InvalidSecretName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins = text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !begins || !text.bytes().all(word) || text.len() > MAX_NAME_BYTES {
            return Err(InvalidSecretName::Format(text.to_owned()));
        }
        if RESERVED_NAMES.contains(&text) || text.starts_with("LD_") || text.starts_with("EKLAVYA_")
        {
            return Err(InvalidSecretName::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is given a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretUse {
    /// The test command, of merges and of the tool that runs it.
    Tests,
    /// The commands of the plan's checks.
    Checks,
    /// The servers of previews.
    Previews,
    /// The gateway, for its requests to the model's endpoint. It follows from the name, and
    /// nothing else gets such a secret.
    Model,
}

impl SecretUse {
    /// Those that a person chooses.
    pub const CHOSEN: [Self; 3] = [Self::Tests, Self::Checks, Self::Previews];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            SecretUse::Tests => "tests",
            SecretUse::Checks => "checks",
            SecretUse::Previews => "previews",
            SecretUse::Model => "model",
        }
    }
}

impl fmt::Display for SecretUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is given a secret; nothing unless somebody says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SecretUses(pub BTreeSet<SecretUse>);

impl fmt::Display for SecretUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|one| one.name()).collect();
        f.pad(&names.join(","))
    }
}

impl FromStr for SecretUses {
    type Err = String;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, String> {
        let one = |name: &str| {
            let all = SecretUse::CHOSEN.into_iter().chain([SecretUse::Model]);
            all.into_iter()
                .find(|one| one.name() == name)
                .ok_or_else(|| format!("{name:?} is nothing that is given secrets"))
        };
        let names = text.split(',').filter(|name| !name.is_empty());
        Ok(Self(names.map(one).collect::<Result<_, _>>()?))
    }
}

/// A value that a secret cannot have. The text does not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretValue {
    /// There is none.
    #[error("the value is empty")]
    Empty,
    /// It could not be kept out of logs.
    #[error(
        "the value has less than {MIN_VALUE_BYTES} bytes: it could not be kept out of what is \
         written down"
    )]
    Short,
    /// It is no secret of a person's.
    #[error("the value has more than {MAX_VALUE_BYTES} bytes (64 KiB)")]
    Long,
    /// It cannot stand in an environment.
    #[error("the value holds a NUL byte, which no environment variable can")]
    Nul,
    /// It cannot be told from other texts.
    #[error("the value is not a text in UTF-8; encode it, e.g. in base64")]
    NotUtf8,
    /// It cannot stand in a header.
    #[error("the value has blanks or characters that no key of the model's endpoint has")]
    NotHeaderSafe,
}

/// Checks that a value can be that of the secret `name`.
pub fn check_value(name: &SecretName, value: &SecretString) -> Result<(), InvalidSecretValue> {
    let text = value.expose_secret();
    match text.len() {
        0 => Err(InvalidSecretValue::Empty),
        length if length < MIN_VALUE_BYTES => Err(InvalidSecretValue::Short),
        length if length > MAX_VALUE_BYTES => Err(InvalidSecretValue::Long),
        _ if text.contains('\0') => Err(InvalidSecretValue::Nul),
        _ if name.is_model_credential() && !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(InvalidSecretValue::NotHeaderSafe)
        }
        _ => Ok(()),
    }
}

/// A secret as it is kept: sealed with a key that is not in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// Whose it is.
    pub project: ProjectId,
    /// What it is called.
    pub name: SecretName,
    /// What is given it.
    pub uses: SecretUses,
    /// Which key it is sealed with; see `services::secrets`.
    pub key: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
    /// How often it was set.
    pub version: i64,
    /// Who set it.
    pub set_by: String,
    /// When it was set.
    pub set_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_free_variables() {
        for good in ["A", "_x", "STRIPE_KEY_2", "ANTHROPIC_API_KEY"] {
            assert!(good.parse::<SecretName>().is_ok(), "{good}");
        }
        let long = "A".repeat(129);
        for bad in ["", "2A", "A-B", "A=B", "A B", "Ä", "A\n", &long] {
            let error = bad.parse::<SecretName>().unwrap_err();
            assert!(matches!(error, InvalidSecretName::Format(_)), "{bad}");
        }
        for taken in ["PATH", "LD_PRELOAD", "CI", "EKLAVYA_HOME"] {
            let error = taken.parse::<SecretName>().unwrap_err();
            assert!(matches!(error, InvalidSecretName::Reserved(_)), "{taken}");
        }
    }

    #[test]
    fn values_are_refused_without_being_quoted() {
        let (name, key) = ("A".parse().unwrap(), SecretName::API_KEY.parse().unwrap());
        let check = |name: &SecretName, value: &str| check_value(name, &value.into());
        assert_eq!(check(&name, "two words\nand lines"), Ok(()));
        assert_eq!(
            check(&key, "two words"),
            Err(InvalidSecretValue::NotHeaderSafe)
        );
        assert_eq!(check(&name, ""), Err(InvalidSecretValue::Empty));
        assert_eq!(check(&name, "hunter2"), Err(InvalidSecretValue::Short));
        assert_eq!(
            check(&name, "hunter2\0hunter2"),
            Err(InvalidSecretValue::Nul)
        );
        assert_eq!(check(&name, &"x".repeat(65_536)), Ok(()));
        let long = check(&name, &"x".repeat(65_537));
        assert_eq!(long, Err(InvalidSecretValue::Long));
    }

    #[test]
    fn uses_are_written_and_read() {
        for text in ["", "tests", "tests,checks,previews", "model"] {
            assert_eq!(text.parse::<SecretUses>().unwrap().to_string(), text);
        }
        assert!("tests,all".parse::<SecretUses>().is_err());
    }
}
