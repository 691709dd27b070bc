//! The credential for the model, and the prices.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_config::{Config, CredentialSource};
use eklavya_gateway::{PriceTable, RehearsalScript};

use super::DoctorCheck;

/// Checks for a credential, or a rehearsal instead of a model. Never prints the credential.
pub fn check_credential(config: &Config) -> DoctorCheck {
    const NAME: &str = "model";
    const FIX: &str = "set ANTHROPIC_API_KEY, or: eklavya config set model.keyFile FILE";
    if let Some(file) = &config.model.rehearsal {
        return match RehearsalScript::load(file.as_std_path()) {
            Ok(_) => DoctorCheck::ok(NAME, format!("new projects use the rehearsal {file}")),
            Err(error) => DoctorCheck::failed_with_error(NAME, &error),
        };
    }
    let (url, source) = (&config.model.url, config.model.credentials.source());
    let Some(source) = source else {
        let detail = format!("no credential for {url}: only rehearsals can run");
        return DoctorCheck::warning(NAME, detail, FIX);
    };
    if let Err(error) = config.model.credentials.load() {
        return DoctorCheck::failed(NAME, error.to_string(), FIX);
    }
    match &source {
        CredentialSource::KeyFile(file) if is_readable_by_others(file) => DoctorCheck::warning(
            NAME,
            format!("other users can read the key in {file}"),
            format!("chmod 600 {file}"),
        ),
        CredentialSource::KeyFile(_) | CredentialSource::Variable(_) => {
            DoctorCheck::ok(NAME, format!("{url} with the credential from {source}"))
        }
    }
}

fn is_readable_by_others(file: &Utf8Path) -> bool {
    file.metadata()
        .is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// Checks that the price list can be read and contains the configured models.
pub fn check_prices(config: &Config) -> DoctorCheck {
    const NAME: &str = "prices";
    let own = config.home.pricing_file();
    let file = match &config.pricing_file {
        Some(file) => Some(file.clone()),
        None => own.exists().then_some(own),
    };
    let loaded = match &file {
        Some(file) => PriceTable::load(file.as_std_path()),
        None => PriceTable::embedded(),
    };
    let pricing = match loaded {
        Ok(pricing) => pricing,
        Err(error) => return DoctorCheck::failed_with_error(NAME, &error),
    };
    let place = file.map_or("built in".to_owned(), Utf8PathBuf::into_string);
    let mut models = std::iter::once(&config.model.name).chain(config.model.roles.values());
    match models.find(|model| !pricing.has_price(model)) {
        Some(model) => DoctorCheck::warning(
            NAME,
            format!(
                "{model} is not on the price list and is charged at the highest price ({place})"
            ),
            "eklavya config set pricing.file FILE",
        ),
        None => DoctorCheck::ok(NAME, format!("as of {} ({place})", pricing.as_of())),
    }
}
