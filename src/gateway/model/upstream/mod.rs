//! The client of the model's real endpoint.

pub(crate) mod credential;

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::api::upstream_call::{ApiRoute, BackendError, UpstreamRequest, UpstreamResponse};
use crate::http::client::{client_builder, error_chain};
use crate::model::upstream::credential::UnusableCredential;
use eklavya_config::ModelCredential;

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableEndpoint {
    #[error(
        "the model URL {url:?} is not usable: {reason}; write it like https://api.anthropic.com"
    )]
    Url {
        /// The URL, without user and password.
        url: String,
        reason: String,
    },
    #[error(transparent)]
    Credential(#[from] UnusableCredential),
    #[error("cannot set up the connection to the model: {0}")]
    Client(reqwest::Error),
}

#[derive(Debug)]
pub(crate) struct UpstreamClient {
    client: Client,
    base: Url,
    credential: ModelCredential,
    account: Option<String>,
}

impl UpstreamClient {
    pub fn new(
        url: &str,
        credential: ModelCredential,
        account: Option<String>,
        connect_timeout: Duration,
    ) -> Result<Self, UnusableEndpoint> {
        credential::ensure_sendable(&credential)?;
        let client = client_builder(connect_timeout);
        let client = client.build().map_err(UnusableEndpoint::Client)?;
        Ok(Self {
            client,
            base: parse_base_url(url)?,
            credential,
            account,
        })
    }

    pub async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse, BackendError> {
        let url = self.request_url(request.route, request.beta);
        let mut headers = request.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The usage is parsed from the response in transit, so it must not be compressed.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        credential::authorize(&mut headers, &self.credential);
        let sending = self.client.post(url).headers(headers).body(request.body);
        let response = sending.send().await.map_err(send_error)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes_stream();
        Ok(UpstreamResponse {
            status,
            headers,
            body: Box::pin(body.map(|piece| piece.map_err(error_chain))),
        })
    }

    fn request_url(&self, route: ApiRoute, beta: bool) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), route.path());
        url.set_path(&path);
        if beta {
            url.set_query(Some("beta=true"));
        }
        url
    }

    /// Returns the key of the endpoint's rate limits: its URL, which has neither user nor password,
    /// and the account.
    pub fn endpoint_name(&self) -> String {
        match &self.account {
            Some(account) => format!("model:{}#{account}", self.base),
            None => format!("model:{}", self.base),
        }
    }

    pub fn secret(&self) -> &SecretString {
        self.credential.secret()
    }

    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        credential::redact(text, self.secret().expose_secret().as_bytes())
    }
}

/// Distinguishes a request that the endpoint cannot have received: it costs nothing.
fn send_error(error: reqwest::Error) -> BackendError {
    if error.is_connect() || error.is_builder() {
        BackendError::NotSent(error_chain(error))
    } else {
        BackendError::OutcomeUnknown(error_chain(error))
    }
}

fn parse_base_url(text: &str) -> Result<Url, UnusableEndpoint> {
    let bad = |url: String, reason: &str| UnusableEndpoint::Url {
        url,
        reason: reason.to_owned(),
    };
    let mut url = Url::parse(text).map_err(|e| bad(text.to_owned(), &e.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        let (_, _) = (url.set_username(""), url.set_password(None));
        return Err(bad(url.into(), "it must not contain a user or a password"));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad(
            url.into(),
            "it must begin with https:// or http:// and name a host",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad(url.into(), "it must not contain a query or a fragment"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_urls_must_be_plain_http_or_https() {
        for good in ["https://api.anthropic.com", "http://127.0.0.1:8080/prefix/"] {
            assert!(parse_base_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.anthropic.com",
            "ftp://host/",
            "https://h/?a=b",
            "https://u:geheim@h/",
        ] {
            let error = parse_base_url(bad).unwrap_err().to_string();
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
