//! What must not be written down anywhere, whatever names it.

use camino::Utf8PathBuf;
use secrecy::SecretString;

use super::{Config, RemoteServer};

impl Config {
    /// Returns the file of the key that secrets of projects are sealed with; there may be none yet.
    pub fn secret_key_path(&self) -> Utf8PathBuf {
        let own = || self.home.path.join("secret.key");
        self.secret_key_file.clone().unwrap_or_else(own)
    }

    /// Returns every secret that the configuration leads to: the credentials for the model's endpoint
    /// and the passwords of servers. One that cannot be read is left out.
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
