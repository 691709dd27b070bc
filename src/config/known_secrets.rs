//! The secrets that must be redacted everywhere.

use camino::Utf8PathBuf;
use secrecy::SecretString;

use super::{Config, RemoteServer};

impl Config {
    /// Returns the file with the key that encrypts the secrets of projects; it may not exist yet.
    pub fn secret_key_path(&self) -> Utf8PathBuf {
        let own = || self.home.path.join("secret.key");
        self.secret_key_file.clone().unwrap_or_else(own)
    }

    /// Returns every secret of the configuration: the credentials for the model endpoint and the passwords
    /// of servers. Unreadable ones are omitted.
    pub fn known_secrets(&self) -> Vec<SecretString> {
        let servers = [&self.store, &self.bus]
            .into_iter()
            .flatten()
            .flat_map(RemoteServer::known_secrets);
        self.model
            .credentials
            .known_secrets()
            .into_iter()
            .chain(servers)
            .collect()
    }
}
