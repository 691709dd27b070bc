//! The real credential of the model's endpoint. It is put into requests here and nowhere else.

use std::path::{Path, PathBuf};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// The API key's header.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The header that switches features of the API on.
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// Tokens of a subscription begin so; the API takes them only with [`SUBSCRIPTION_BETA`].
const SUBSCRIPTION_PREFIX: &str = "sk-ant-oat";
const SUBSCRIPTION_BETA: &str = "oauth-2025-04-20";
/// What stands in an answer in place of the credential.
const REDACTED: &[u8] = b"[credential]";

/// What the model's endpoint knows its caller by.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API key, sent as `x-api-key`.
    ApiKey(SecretString),
    /// A bearer token, sent as `Authorization: Bearer`.
    Bearer(SecretString),
}

/// A credential that cannot be used. The texts never hold the credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The key file cannot be read.
    #[error("cannot read the key file {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Other users may read the key file.
    #[error("the key file {} can be read by other users; run: chmod 600 {}", .0.display(), .0.display())]
    OpenToOthers(PathBuf),
    /// There is nothing in it.
    #[error("the credential from {0} is empty")]
    Empty(String),
    /// It cannot stand in a header.
    #[error(
        "the credential from {0} holds characters that cannot be part of one (a line break or a control character in the middle)"
    )]
    NotText(String),
}

impl Credential {
    /// Takes an API key; `origin` says where it came from, for messages.
    pub fn api_key(key: &str, origin: &str) -> Result<Self, CredentialError> {
        checked(key, origin).map(Self::ApiKey)
    }

    /// Takes a bearer token; `origin` says where it came from, for messages.
    pub fn bearer(token: &str, origin: &str) -> Result<Self, CredentialError> {
        checked(token, origin).map(Self::Bearer)
    }

    /// Reads an API key from a file that only its owner may read; white space around it is dropped.
    pub fn from_file(file: &Path) -> Result<Self, CredentialError> {
        use std::os::unix::fs::PermissionsExt;
        let read = |source| CredentialError::Read {
            file: file.to_owned(),
            source,
        };
        let mode = std::fs::metadata(file).map_err(read)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(CredentialError::OpenToOthers(file.to_owned()));
        }
        let key = SecretString::from(std::fs::read_to_string(file).map_err(read)?);
        Self::api_key(key.expose_secret(), &file.display().to_string())
    }

    pub(super) fn secret(&self) -> &SecretString {
        match self {
            Credential::ApiKey(secret) | Credential::Bearer(secret) => secret,
        }
    }

    /// Puts the credential into the headers of a request to the endpoint.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        let secret = self.secret().expose_secret();
        let (name, value) = match self {
            Credential::ApiKey(_) => (API_KEY, secret.to_owned()),
            Credential::Bearer(_) => (AUTHORIZATION, format!("Bearer {secret}")),
        };
        // Checked when it was taken: it can always stand in a header.
        if let Ok(mut value) = HeaderValue::from_str(&value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if matches!(self, Credential::Bearer(_)) && secret.starts_with(SUBSCRIPTION_PREFIX) {
            headers.append(BETA, HeaderValue::from_static(SUBSCRIPTION_BETA));
        }
    }

    /// Returns `text` without the credential, should the endpoint have quoted it.
    pub(super) fn redact(&self, text: &[u8]) -> Vec<u8> {
        redact(text, self.secret().expose_secret().as_bytes())
    }
}

/// Returns `text` with every occurrence of `secret` replaced.
pub(super) fn redact(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if !secret.is_empty() && rest.starts_with(secret) {
            kept.extend_from_slice(REDACTED);
            rest = &rest[secret.len()..];
        } else {
            kept.push(rest[0]);
            rest = &rest[1..];
        }
    }
    kept
}

fn checked(value: &str, origin: &str) -> Result<SecretString, CredentialError> {
    let value = value.trim();
    if value.is_empty() {
        return Err(CredentialError::Empty(origin.to_owned()));
    }
    if !value.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err(CredentialError::NotText(origin.to_owned()));
    }
    Ok(SecretString::from(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_file_may_end_in_a_line_break_and_must_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "sk-ant-1\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = Credential::from_file(&file).unwrap_err();
        assert!(open.to_string().contains("chmod 600"), "{open}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut headers = HeaderMap::new();
        Credential::from_file(&file).unwrap().apply(&mut headers);
        assert_eq!(headers["x-api-key"], "sk-ant-1");
    }

    #[test]
    fn a_credential_is_never_shown() {
        let credential = Credential::bearer("sk-ant-oat-secret", "a test").unwrap();
        let mut headers = HeaderMap::new();
        credential.apply(&mut headers);
        assert_eq!(headers[BETA], SUBSCRIPTION_BETA);
        let shown = format!("{credential:?} {headers:?}");
        assert!(!shown.contains("secret"), "{shown}");
        let quoted = credential.redact(b"bad key sk-ant-oat-secret!");
        assert_eq!(quoted, b"bad key [credential]!");
    }

    #[test]
    fn what_cannot_be_a_credential_is_refused_without_quoting_it() {
        for bad in ["", "  \n", "two\nlines", "caf\u{e9}"] {
            let error = Credential::api_key(bad, "ANTHROPIC_API_KEY")
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("ANTHROPIC_API_KEY") && !error.contains("lines"),
                "{error}"
            );
        }
    }
}
