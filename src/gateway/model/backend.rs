//! The source of model responses, a real endpoint or a rehearsal, behind one interface.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::upstream::{UnusableEndpoint, UpstreamClient};
use crate::api::upstream_call::{BackendError, UpstreamRequest, UpstreamResponse};
use crate::rehearsal::player::RehearsalPlayer;
use crate::rehearsal::script::RehearsalScript;
use eklavya_config::ModelCredential;

/// The source of model responses.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// An endpoint that speaks the Messages API.
    Upstream {
        /// Its URL, without `/v1/messages`.
        url: String,
        credential: ModelCredential,
        /// The account of the credential, if it is not the installation's. Rate limits of the
        /// endpoint are shared within an account.
        account: Option<String>,
    },
    Rehearsal(Arc<RehearsalScript>),
}

#[derive(Debug)]
pub(crate) enum ModelBackend {
    Upstream(UpstreamClient),
    Rehearsal(RehearsalPlayer),
}

impl ModelBackend {
    /// Prepares the source; nothing is sent yet.
    pub fn open(source: ModelSource, connect: Duration) -> Result<Self, UnusableEndpoint> {
        Ok(match source {
            ModelSource::Upstream {
                url,
                credential,
                account,
            } => Self::Upstream(UpstreamClient::new(&url, credential, account, connect)?),
            ModelSource::Rehearsal(script) => Self::Rehearsal(RehearsalPlayer::new(script)),
        })
    }

    pub async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse, BackendError> {
        match self {
            ModelBackend::Upstream(upstream) => upstream.send(request).await,
            ModelBackend::Rehearsal(player) => player.respond(&request).await,
        }
    }

    /// Returns the name of the endpoint under which all workers share its rate limits.
    pub fn endpoint_name(&self) -> Option<String> {
        match self {
            ModelBackend::Upstream(upstream) => Some(upstream.endpoint_name()),
            ModelBackend::Rehearsal(_) => None,
        }
    }

    pub fn is_rehearsal(&self) -> bool {
        matches!(self, ModelBackend::Rehearsal(_))
    }

    /// Returns the credential, for code that must redact it.
    pub fn secret(&self) -> Option<SecretString> {
        match self {
            ModelBackend::Upstream(upstream) => Some(upstream.secret().clone()),
            ModelBackend::Rehearsal(_) => None,
        }
    }

    /// Returns text from the endpoint without the credential.
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        match self {
            ModelBackend::Upstream(upstream) => upstream.redact(text),
            ModelBackend::Rehearsal(_) => text.to_vec(),
        }
    }
}
