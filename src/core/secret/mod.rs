//! Secrets of a project: their names and uses.

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
/// The shortest value, in bytes: a shorter one could not be kept out of logs, because it would
/// occur in ordinary text.
pub(crate) const MIN_VALUE_BYTES: usize = 8;
const MAX_NAME_BYTES: usize = 128;
/// Variables that the sandbox sets for every command, and variables that change which programs run.
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

/// The name of a secret: the name of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

/// Why a name is not valid for a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretName {
    #[error(
        "{0:?} cannot be the name of a secret: letters, digits and _ only, no digit first, at most \
         {MAX_NAME_BYTES} of them"
    )]
    Format(String),
    /// The variable is reserved.
    #[error("{0} cannot be the name of a secret: the sandbox sets this variable itself")]
    Reserved(String),
}

impl SecretName {
    /// The API key of the model's endpoint, used in place of the installation's key.
    pub const API_KEY: &str = "ANTHROPIC_API_KEY";
    /// The token of the model's endpoint, used in place of the installation's credential.
    pub const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it names a credential of the model's endpoint, which only the gateway
    /// receives.
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

/// A use of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretUse {
    /// The test command, for merges and for the agents' test tool.
    Tests,
    /// The commands of the plan's checks.
    Checks,
    /// The servers of previews.
    Previews,
    /// The gateway's requests to the model's endpoint. The name implies this use, and such a secret
    /// has no other use.
    Model,
}

impl SecretUse {
    /// The uses that people choose.
    pub const CHOSEN: [Self; 3] = [Self::Tests, Self::Checks, Self::Previews];

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

/// The uses of a secret; empty by default.
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

    /// Parses the output of [`fmt::Display`].
    fn from_str(text: &str) -> Result<Self, String> {
        let one = |name: &str| {
            let all = SecretUse::CHOSEN.into_iter().chain([SecretUse::Model]);
            all.into_iter()
                .find(|one| one.name() == name)
                .ok_or_else(|| format!("{name:?} is not a use of secrets"))
        };
        let names = text.split(',').filter(|name| !name.is_empty());
        Ok(Self(names.map(one).collect::<Result<_, _>>()?))
    }
}

/// Why a value is not valid for a secret. The text does not contain the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretValue {
    #[error("the value is empty")]
    Empty,
    /// It is too short to be kept out of logs.
    #[error(
        "the value has less than {MIN_VALUE_BYTES} bytes: it could not be kept out of what is \
         written down"
    )]
    Short,
    /// It is longer than any credential.
    #[error("the value has more than {MAX_VALUE_BYTES} bytes (64 KiB)")]
    Long,
    /// An environment variable cannot contain it.
    #[error("the value contains a NUL byte, which an environment variable cannot")]
    Nul,
    /// It cannot be recognised in text.
    #[error("the value is not UTF-8 text; encode it, for example in base64")]
    NotUtf8,
    /// An HTTP header cannot contain it.
    #[error("the value has blanks or characters that keys of the model's endpoint do not have")]
    NotHeaderSafe,
}

/// Checks that a value is valid for the secret `name`.
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

/// A secret as stored: sealed with a key that is not in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    pub project: ProjectId,
    pub name: SecretName,
    pub uses: SecretUses,
    /// The id of the sealing key; see `services::secrets`.
    pub key: String,
    pub sealed: Vec<u8>,
    /// How often it was set.
    pub version: i64,
    pub set_by: String,
    pub set_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_valid_and_unreserved_variable_name() {
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
    fn invalid_values_are_refused() {
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
