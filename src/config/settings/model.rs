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

/// The model endpoint and how patient the gateway is with it.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Endpoint that speaks the Messages API.
    pub url: Url,
    /// Model of every role without one of its own; see [`ModelSettings::of`].
    pub name: String,
    /// Models of single roles.
    pub roles: BTreeMap<Role, String>,
    /// Where the credential comes from.
    pub credentials: CredentialSources,
    /// Rehearsal that plays the model of new projects.
    pub rehearsal: Option<Utf8PathBuf>,
    /// Most output tokens of one request.
    pub max_output_tokens: u64,
    /// Longest wait for the first byte of an answer.
    pub first_byte: Duration,
    /// Longest silence within an answer.
    pub idle: Duration,
    /// Longest time that a rate limit may hold a request.
    pub max_rate_limit_pause: Duration,
    /// Most requests in any minute, of all workers together; nothing is no limit.
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

    /// Returns the model of `role`.
    pub fn model_for(&self, role: Role) -> &str {
        self.roles.get(&role).unwrap_or(&self.name)
    }
}
