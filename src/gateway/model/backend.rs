//! The source of model responses, a real endpoint or a rehearsal, behind one interface.

use secrecy::SecretString;

use super::upstream::UpstreamClient;
use crate::api::upstream_call::{BackendError, UpstreamRequest, UpstreamResponse};
use crate::rehearsal::player::RehearsalPlayer;

#[derive(Debug)]
pub(crate) enum ModelBackend {
    Upstream(UpstreamClient),
    Rehearsal(RehearsalPlayer),
}

impl ModelBackend {
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
