//! Values of the layers, by type.

use std::time::Duration;

use camino::Utf8PathBuf;
use url::Url;

use crate::error::ConfigError;
use crate::layers::Layers;
use crate::remote::Remote;
use crate::value::Value;
use eklavya_core::domain::egress::HostList;
use eklavya_core::domain::isolation::IsolationKind;
use eklavya_core::domain::money::MicroUsd;

/// Takes values out of the layers by type. That the table's types fit is held by a test; where they
/// did not, the key would be named.
pub(super) struct Reader<'a>(pub(super) &'a Layers);

impl Reader<'_> {
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let entry = self.0.get(name)?;
        match &entry.value {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(entry.key.name)),
        }
    }

    pub(super) fn required_text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.text(name)?.ok_or(ConfigError::Untyped(name))
    }

    pub(super) fn isolation(&self, name: &'static str) -> Result<IsolationKind, ConfigError> {
        let parsed = self.required_text(name)?.parse();
        parsed.map_err(|_| ConfigError::Untyped(name))
    }

    pub(super) fn url(&self, name: &'static str) -> Result<Url, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Url(url) => Ok(url.clone()),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    pub(super) fn remote(
        &self,
        url: &'static str,
        password_file: &'static str,
    ) -> Result<Option<Remote>, ConfigError> {
        match &self.0.get(url)?.value {
            Value::Server(server) => Ok(Some(Remote {
                url: server.clone(),
                password_file: self.path(password_file)?,
            })),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(url)),
        }
    }

    pub(super) fn path(&self, name: &'static str) -> Result<Option<Utf8PathBuf>, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Path(path) => Ok(Some(path.clone())),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    pub(super) fn usd(&self, name: &'static str) -> Result<Option<MicroUsd>, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Usd(amount) => Ok(Some(*amount)),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    pub(super) fn hosts(&self, name: &'static str) -> Result<HostList, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Hosts(hosts) => Ok(hosts.clone()),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    pub(super) fn integer<N: TryFrom<u64>>(&self, name: &'static str) -> Result<N, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Integer(number) => N::try_from(*number).map_err(|_| ConfigError::Untyped(name)),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    pub(super) fn optional_integer<N: TryFrom<u64>>(
        &self,
        name: &'static str,
    ) -> Result<Option<N>, ConfigError> {
        match &self.0.get(name)?.value {
            Value::None => Ok(None),
            _ => self.integer(name).map(Some),
        }
    }

    pub(super) fn seconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.integer(name).map(Duration::from_secs)
    }
}
