//! The real credential of the model's endpoint. It is added to requests only here.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;

use eklavya_config::ModelCredential;

/// The API key's header.
pub(crate) const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
/// The header that enables beta features of the API.
const BETA_HEADER: HeaderName = HeaderName::from_static("anthropic-beta");
/// Prefix of subscription tokens; the API accepts them only with [`SUBSCRIPTION_BETA`].
const SUBSCRIPTION_PREFIX: &str = "sk-ant-oat";
const SUBSCRIPTION_BETA: &str = "oauth-2025-04-20";
/// Replaces the credential in text from the endpoint.
const REDACTED: &[u8] = b"[credential]";

/// The credential cannot be the value of a header. The message does not contain it.
#[derive(Debug, thiserror::Error)]
#[error("the model's credential is empty, or contains characters that are not allowed in a key")]
pub struct UnusableCredential;

/// Checks that the credential can be sent.
pub(crate) fn ensure_sendable(credential: &ModelCredential) -> Result<(), UnusableCredential> {
    let secret = credential.secret().expose_secret();
    let usable = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
    usable.then_some(()).ok_or(UnusableCredential)
}

/// Adds the credential to the headers of a request to the endpoint.
pub(crate) fn authorize(headers: &mut HeaderMap, credential: &ModelCredential) {
    let secret = credential.secret().expose_secret();
    let (name, value) = match credential {
        ModelCredential::ApiKey(_) => (API_KEY_HEADER, secret.to_owned()),
        ModelCredential::Bearer(_) => (AUTHORIZATION, format!("Bearer {secret}")),
    };
    // The value passed `ensure_sendable`, so it is a valid header value.
    if let Ok(mut value) = HeaderValue::from_str(&value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if matches!(credential, ModelCredential::Bearer(_)) && secret.starts_with(SUBSCRIPTION_PREFIX) {
        headers.append(BETA_HEADER, HeaderValue::from_static(SUBSCRIPTION_BETA));
    }
}

/// Returns `text` with every occurrence of `secret` replaced.
pub(crate) fn redact(text: &[u8], secret: &[u8]) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_never_shown() {
        let credential = ModelCredential::Bearer("sk-ant-oat-secret".into());
        let mut headers = HeaderMap::new();
        authorize(&mut headers, &credential);
        assert_eq!(headers[BETA_HEADER], SUBSCRIPTION_BETA);
        let shown = format!("{credential:?} {headers:?}");
        assert!(!shown.contains("secret"), "{shown}");
        let quoted = redact(b"bad key sk-ant-oat-secret!", b"sk-ant-oat-secret");
        assert_eq!(quoted, b"bad key [credential]!");
    }

    #[test]
    fn a_credential_that_is_no_header_value_is_refused_without_quoting_it() {
        for bad in ["", "two\nlines", "a b", "caf\u{e9}"] {
            let credential = ModelCredential::ApiKey(bad.into());
            let error = ensure_sendable(&credential).unwrap_err().to_string();
            assert!(!error.contains("lines"), "{error}");
        }
        assert!(ensure_sendable(&ModelCredential::ApiKey("sk-ant-1".into())).is_ok());
    }
}
