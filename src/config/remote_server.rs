//! A database or Redis server: its URL and its password file.

use camino::Utf8PathBuf;
use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use eklavya_core::secret::server_url;

#[derive(Clone)]
pub struct RemoteServer {
    /// May contain a password.
    pub url: Url,
    /// `*.passwordFile`: overrides a password in the URL.
    pub password_file: Option<Utf8PathBuf>,
}

impl RemoteServer {
    /// Returns the password in the file, if one is set. The file is read at each call, so that a rotated
    /// password takes effect.
    pub fn read_password(&self) -> Result<Option<SecretString>, ConfigError> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        // Editors end a file with a newline, which is not part of the password.
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(ConfigError::BadCredential {
                origin: path.to_string(),
                problem: "is empty",
            });
        }
        Ok(Some(SecretString::from(password)))
    }
}

impl RemoteServer {
    /// Returns the passwords that can be read, also in their URL-encoded form: all of them must be
    /// redacted.
    pub(crate) fn known_secrets(&self) -> Vec<SecretString> {
        let in_url = self.url.password().map(SecretString::from);
        let in_file = self.read_password().ok().flatten();
        in_url.into_iter().chain(in_file).collect()
    }
}

impl std::fmt::Debug for RemoteServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = server_url::redact(&self.url);
        f.debug_struct("RemoteServer")
            .field("url", &url.as_str())
            .field("password_file", &self.password_file)
            .finish()
    }
}
