//! The credential for the model endpoint: read late, and never shown.

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

use super::environment::ProcessEnvironment;
use super::error::ConfigError;

const API_KEY: &str = "ANTHROPIC_API_KEY";
const AUTH_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
/// Longest credential, in bytes; a longer file is not a key.
const MAX_SECRET_BYTES: usize = 16 * 1024;

/// The credential of the gateway; `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum ModelCredential {
    /// Sent as `x-api-key`.
    ApiKey(SecretString),
    /// Sent as `authorization: Bearer …`.
    Bearer(SecretString),
}

impl ModelCredential {
    /// Returns the key or token.
    pub fn secret(&self) -> &SecretString {
        match self {
            ModelCredential::ApiKey(secret) | ModelCredential::Bearer(secret) => secret,
        }
    }
}

/// The source of the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    Variable(&'static str),
    /// The file of `model.keyFile`.
    KeyFile(Utf8PathBuf),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialSource::Variable(name) => f.pad(name),
            CredentialSource::KeyFile(path) => f.pad(path.as_str()),
        }
    }
}

/// The possible sources of a credential, strongest first: `ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`,
/// the file of `model.keyFile`.
#[derive(Debug, Clone, Default)]
pub struct CredentialSources {
    api_key: Option<SecretString>,
    auth_token: Option<SecretString>,
    key_file: Option<Utf8PathBuf>,
}

impl CredentialSources {
    pub(super) fn new(
        environment: &ProcessEnvironment,
        key_file: Option<Utf8PathBuf>,
    ) -> Result<Self, ConfigError> {
        let secret = |name| Ok(environment.get(name)?.map(SecretString::from));
        Ok(Self {
            api_key: secret(API_KEY)?,
            auth_token: secret(AUTH_TOKEN)?,
            key_file,
        })
    }

    /// Returns the source that [`CredentialSources::load`] uses, if any is set.
    pub fn source(&self) -> Option<CredentialSource> {
        if self.api_key.is_some() {
            return Some(CredentialSource::Variable(API_KEY));
        }
        if self.auth_token.is_some() {
            return Some(CredentialSource::Variable(AUTH_TOKEN));
        }
        self.key_file.clone().map(CredentialSource::KeyFile)
    }

    /// Returns the variables for a credential, and whether each is set.
    pub fn variables(&self) -> [(&'static str, bool); 2] {
        [
            (API_KEY, self.api_key.is_some()),
            (AUTH_TOKEN, self.auth_token.is_some()),
        ]
    }

    /// Returns every secret that can be read, including sources that are not used: all of them must be
    /// redacted.
    pub fn known_secrets(&self) -> Vec<SecretString> {
        let file = self.key_file.as_ref();
        let in_file = file.and_then(|path| std::fs::read_to_string(path).ok());
        let in_file = in_file.map(|text| SecretString::from(text.trim()));
        let variables = [self.api_key.clone(), self.auth_token.clone()];
        variables.into_iter().chain([in_file]).flatten().collect()
    }

    /// Returns the credential, or `None` if no source is set. The key file is read at each call, so that a
    /// rotated key takes effect.
    pub fn load(&self) -> Result<Option<ModelCredential>, ConfigError> {
        if let Some(key) = &self.api_key {
            return check_header_value(key.clone(), API_KEY)
                .map(|key| Some(ModelCredential::ApiKey(key)));
        }
        if let Some(token) = &self.auth_token {
            return check_header_value(token.clone(), AUTH_TOKEN)
                .map(|token| Some(ModelCredential::Bearer(token)));
        }
        let read = |path: &Utf8PathBuf| read_key_file(path).map(ModelCredential::ApiKey);
        self.key_file.as_ref().map(read).transpose()
    }
}

fn read_key_file(path: &Utf8Path) -> Result<SecretString, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    check_header_value(SecretString::from(text.trim()), path.as_str())
}

/// A secret is sent in a header, so it must be visible ASCII without blanks.
fn check_header_value(secret: SecretString, origin: &str) -> Result<SecretString, ConfigError> {
    let text = secret.expose_secret();
    let problem = if text.is_empty() {
        "is empty"
    } else if text.len() > MAX_SECRET_BYTES {
        "is too long to be a key"
    } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(secret);
    } else {
        "contains blanks or characters that a key cannot contain"
    };
    Err(ConfigError::BadCredential {
        origin: origin.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(variables: &[(&str, &str)], key_file: Option<&Utf8Path>) -> CredentialSources {
        let environment = variables.iter().copied().collect();
        CredentialSources::new(&environment, key_file.map(Utf8Path::to_owned)).unwrap()
    }

    fn file(text: &str) -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("key")).unwrap();
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn the_strongest_source_is_taken() {
        let (_directory, path) = file("sk-file\n");
        let both = [(API_KEY, "sk-env"), (AUTH_TOKEN, "token")];
        let taken = credentials(&both, Some(&path)).load().unwrap();
        assert!(
            matches!(taken, Some(ModelCredential::ApiKey(key)) if key.expose_secret() == "sk-env")
        );
        let taken = credentials(&both[1..], Some(&path)).load().unwrap();
        assert!(
            matches!(taken, Some(ModelCredential::Bearer(secret)) if secret.expose_secret() == "token")
        );
        let taken = credentials(&[], Some(&path)).load().unwrap();
        assert!(
            matches!(taken, Some(ModelCredential::ApiKey(key)) if key.expose_secret() == "sk-file")
        );
        assert!(credentials(&[], None).load().unwrap().is_none());
    }

    #[test]
    fn an_unusable_secret_is_refused_and_never_shown() {
        for text in [
            "",
            " \n",
            "sk with blanks",
            "sk\nsecond",
            "sk-\u{e4}",
            &"x".repeat(20_000),
        ] {
            let (_directory, path) = file(text);
            let error = credentials(&[], Some(&path)).load().unwrap_err();
            assert!(
                matches!(error, ConfigError::BadCredential { .. }),
                "{text:?}"
            );
            assert!(!error.to_string().contains("sk"), "{error}");
        }
        let shown = format!("{:?}", credentials(&[(API_KEY, "sk-secret")], None));
        assert!(!shown.contains("sk-secret"), "{shown}");
    }
}
