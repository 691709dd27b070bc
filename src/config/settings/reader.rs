//! Reads typed values from the layers.

use std::time::Duration;

use camino::Utf8PathBuf;
use url::Url;

use crate::error::ConfigError;
use crate::keys::value::ConfigValue;
use crate::layers::ConfigLayers;
use crate::remote_server::RemoteServer;
use eklavya_core::egress::HostList;
use eklavya_core::money::MicroUsd;
use eklavya_core::project::isolation::IsolationKind;

/// Reads values from the layers by type. A test ensures that the types of the table match; otherwise the
/// error names the key.
pub(crate) struct SettingsReader<'a>(pub(super) &'a ConfigLayers);

impl SettingsReader<'_> {
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let entry = self.0.get(name)?;
        match &entry.value {
            ConfigValue::Text(text) => Ok(Some(text.clone())),
            ConfigValue::None => Ok(None),
            _ => Err(ConfigError::TypeMismatch(entry.key.name)),
        }
    }

    pub(super) fn required_text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.text(name)?.ok_or(ConfigError::TypeMismatch(name))
    }

    pub(super) fn isolation(&self, name: &'static str) -> Result<IsolationKind, ConfigError> {
        let parsed = self.required_text(name)?.parse();
        parsed.map_err(|_| ConfigError::TypeMismatch(name))
    }

    pub(super) fn url(&self, name: &'static str) -> Result<Url, ConfigError> {
        match &self.0.get(name)?.value {
            ConfigValue::Url(url) => Ok(url.clone()),
            _ => Err(ConfigError::TypeMismatch(name)),
        }
    }

    pub(super) fn remote(
        &self,
        url: &'static str,
        password_file: &'static str,
    ) -> Result<Option<RemoteServer>, ConfigError> {
        match &self.0.get(url)?.value {
            ConfigValue::Server(server) => Ok(Some(RemoteServer {
                url: server.clone(),
                password_file: self.path(password_file)?,
            })),
            ConfigValue::None => Ok(None),
            _ => Err(ConfigError::TypeMismatch(url)),
        }
    }

    pub(super) fn path(&self, name: &'static str) -> Result<Option<Utf8PathBuf>, ConfigError> {
        match &self.0.get(name)?.value {
            ConfigValue::Path(path) => Ok(Some(path.clone())),
            ConfigValue::None => Ok(None),
            _ => Err(ConfigError::TypeMismatch(name)),
        }
    }

    pub(super) fn usd(&self, name: &'static str) -> Result<Option<MicroUsd>, ConfigError> {
        match &self.0.get(name)?.value {
            ConfigValue::Usd(amount) => Ok(Some(*amount)),
            ConfigValue::None => Ok(None),
            _ => Err(ConfigError::TypeMismatch(name)),
        }
    }

    pub(super) fn hosts(&self, name: &'static str) -> Result<HostList, ConfigError> {
        match &self.0.get(name)?.value {
            ConfigValue::Hosts(hosts) => Ok(hosts.clone()),
            _ => Err(ConfigError::TypeMismatch(name)),
        }
    }

    pub(super) fn integer<N: TryFrom<u64>>(&self, name: &'static str) -> Result<N, ConfigError> {
        match &self.0.get(name)?.value {
            ConfigValue::Integer(number) => {
                N::try_from(*number).map_err(|_| ConfigError::TypeMismatch(name))
            }
            _ => Err(ConfigError::TypeMismatch(name)),
        }
    }

    pub(super) fn optional_integer<N: TryFrom<u64>>(
        &self,
        name: &'static str,
    ) -> Result<Option<N>, ConfigError> {
        match &self.0.get(name)?.value {
            ConfigValue::None => Ok(None),
            _ => self.integer(name).map(Some),
        }
    }

    pub(super) fn seconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.integer(name).map(Duration::from_secs)
    }
}
