//! `model.*`

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use url::Url;

use super::reader::SettingsReader;
use crate::credential::CredentialSources;
use crate::environment::ProcessEnvironment;
use crate::error::ConfigError;
use eklavya_core::agent::role::Role;

/// The model endpoint and the limits of requests to it.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Endpoint of the Messages API.
    pub url: Url,
    /// Model of every role without a model of its own; see [`ModelSettings::of`].
    pub name: String,
    pub roles: BTreeMap<Role, String>,
    pub credentials: CredentialSources,
    /// Rehearsal that new projects use instead of a model.
    pub rehearsal: Option<Utf8PathBuf>,
    /// Maximum output tokens of one request.
    pub max_output_tokens: u64,
    /// Maximum wait for the first byte of a response.
    pub first_byte: Duration,
    /// Maximum pause within a response.
    pub idle: Duration,
    /// Maximum time that a request waits for a rate limit.
    pub max_rate_limit_pause: Duration,
    /// Maximum requests per minute, of all workers together; `None` is no limit.
    pub requests_per_minute: Option<u32>,
}

impl ModelSettings {
    pub(super) fn read(
        environment: &ProcessEnvironment,
        read: &SettingsReader<'_>,
    ) -> Result<Self, ConfigError> {
        let mut roles = BTreeMap::new();
        for role in Role::ALL {
            if let Some(model) = read.text(&format!("model.roles.{role}"))? {
                roles.insert(role, model);
            }
        }
        Ok(Self {
            url: read.url("model.url")?,
            name: read.required_text("model.name")?,
            roles,
            credentials: CredentialSources::new(environment, read.path("model.keyFile")?)?,
            rehearsal: read.path("model.rehearsal")?,
            max_output_tokens: read.integer("model.maxOutputTokens")?,
            first_byte: read.seconds("model.firstByteSeconds")?,
            idle: read.seconds("model.idleSeconds")?,
            max_rate_limit_pause: read.seconds("model.maxParkSeconds")?,
            requests_per_minute: read.optional_integer("model.requestsPerMinute")?,
        })
    }

    pub fn model_for(&self, role: Role) -> &str {
        self.roles.get(&role).unwrap_or(&self.name)
    }
}
