//! What must not be written down anywhere, whatever names it.

use secrecy::SecretString;

use super::{Config, Remote};

impl Config {
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
