//! Servers that the product works with: where they are, and the file with the password.

use camino::Utf8PathBuf;
use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use eklavya_core::secret::server_url;

/// A server and how to be let in.
#[derive(Clone)]
pub struct RemoteServer {
    /// Where it is, perhaps with a password.
    pub url: Url,
    /// `*.passwordFile`: counts more than a password in the URL.
    pub password_file: Option<Utf8PathBuf>,
}

impl RemoteServer {
    /// Returns the password of the file, if one is named. It is read at each call, so that a rotated
    /// password is taken up.
    pub fn read_password(&self) -> Result<Option<SecretString>, ConfigError> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        // Editors end a file with a new line, which is no part of the password.
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
    /// Returns the passwords that can be read, in their URL's form too: what must not be written
    /// down anywhere.
    pub(crate) fn known_secrets(&self) -> Vec<SecretString> {
        let in_url = self.url.password().map(SecretString::from);
        let in_file = self.read_password().ok().flatten();
        in_url.into_iter().chain(in_file).collect()
    }
}

impl std::fmt::Debug for RemoteServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = server_url::redact(&self.url);
        f.debug_struct("Remote")
            .field("url", &url.as_str())
            .field("password_file", &self.password_file)
            .finish()
    }
}
