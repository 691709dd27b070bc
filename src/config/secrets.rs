//! What must not be written down anywhere, whatever names it.

use camino::Utf8PathBuf;
use secrecy::SecretString;

use super::{Config, Remote};

impl Config {
    /// Returns the file of the key that secrets of projects are sealed with; there may be none yet.
    pub fn secret_key(&self) -> Utf8PathBuf {
        let own = || self.home.path.join("secret.key");
        self.secret_key_file.clone().unwrap_or_else(own)
    }

    /// Returns every secret that the configuration leads to: the credentials for the model's endpoint
    /// and the passwords of servers. One that cannot be read is left out.
    pub fn secrets(&self) -> Vec<SecretString> {
        let servers = [&self.store, &self.bus]
            .into_iter()
            .flatten()
            .flat_map(Remote::known);
        self.model
            .credentials
            .known()
            .into_iter()
            .chain(servers)
            .collect()
    }
}
