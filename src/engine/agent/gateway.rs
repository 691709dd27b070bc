//! Which model answers: the endpoint with its credential, or a rehearsal.

use std::path::Path;
use std::sync::Arc;

use super::egress;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use eklavya_config::{Config, ModelCredential};
use eklavya_core::secret::{SecretName, SecretUse};
use eklavya_gateway::{
    Gateway, GatewayConfig, GatewayTimeouts, ModelSource, PriceTable, RehearsalScript,
};

/// Reads and checks the rehearsal at `path`.
fn load_rehearsal(path: &str) -> Result<RehearsalScript, EngineError> {
    RehearsalScript::load(Path::new(path))
        .map_err(|error| EngineError::Rehearsal(error.to_string()))
}

/// Reads the price list: the configured one, or else the built-in one.
fn load_pricing(config: &Config) -> Result<PriceTable, EngineError> {
    let own = Path::new(config.home.path.as_std_path()).join("pricing.yaml");
    let file = match &config.pricing_file {
        Some(file) => Some(file.as_std_path().to_owned()),
        None => own.exists().then_some(own),
    };
    Ok(match file {
        Some(file) => PriceTable::load(&file)?,
        None => PriceTable::embedded()?,
    })
}

/// Returns the run's gateway. It starts with the first agent, so that a stage without agents needs
/// no model.
///
/// # Errors
/// The rehearsal or the price list is unusable, or the model has no credential.
pub(crate) async fn gateway_of(run: &ProjectRun) -> Result<&Gateway, EngineError> {
    run.gateway.get_or_try_init(|| start_gateway(run)).await
}

async fn start_gateway(run: &ProjectRun) -> Result<Gateway, EngineError> {
    let (site, config) = (&run.site, &run.site.config);
    let gateway = GatewayConfig {
        model: select_model(site, run.rehearsal.as_deref()).await?,
        pricing: Arc::new(load_pricing(config)?),
        costs: run.costs.clone(),
        clock: Arc::clone(&site.data.clock),
        worker: run.identity.name.clone(),
        max_output_tokens: Some(config.model.max_output_tokens),
        requests_per_minute: config.model.requests_per_minute,
        timeouts: GatewayTimeouts {
            first_byte: config.model.first_byte,
            idle: config.model.idle,
            max_pause: config.model.max_rate_limit_pause,
            ..GatewayTimeouts::default()
        },
        recorder: run.recorder.clone(),
        egress: egress::egress_config(config),
    };
    Gateway::start(gateway).map_err(|error| EngineError::Model(error.to_string()))
}

async fn select_model(site: &Site, rehearsal: Option<&str>) -> Result<ModelSource, EngineError> {
    if let Some(path) = rehearsal {
        return Ok(ModelSource::Rehearsal(Arc::new(load_rehearsal(path)?)));
    }
    let (credential, account) = select_credential(site).await?;
    Ok(ModelSource::Upstream {
        url: site.config.model.url.to_string(),
        credential,
        account,
    })
}

/// Returns the project's own credential and the name of its account, or else the credential of the
/// installation.
async fn select_credential(site: &Site) -> Result<(ModelCredential, Option<String>), EngineError> {
    let own = site.secrets_for(SecretUse::Model).await?;
    let named = |name: &str| own.iter().find(|(found, _)| found.as_str() == name);
    let own = match (named(SecretName::API_KEY), named(SecretName::AUTH_TOKEN)) {
        (Some((_, key)), _) => Some(ModelCredential::ApiKey(key.clone())),
        (None, Some((_, token))) => Some(ModelCredential::Bearer(token.clone())),
        (None, None) => None,
    };
    match own {
        // Rate limits apply to an account, and this credential may belong to another one.
        Some(own) => Ok((own, Some(site.project().id.to_string()))),
        None => Ok((load_installation_credential(&site.config)?, None)),
    }
}

fn load_installation_credential(config: &Config) -> Result<ModelCredential, EngineError> {
    let missing = || {
        EngineError::Model(
            "there is no credential for the model; set ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or \
             model.keyFile, or choose a rehearsal with EKLAVYA_MODEL_REHEARSAL"
                .to_owned(),
        )
    };
    let loaded = config.model.credentials.load();
    loaded
        .map_err(|error| EngineError::Model(error.to_string()))?
        .ok_or_else(missing)
}
