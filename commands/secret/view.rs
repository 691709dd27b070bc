//! The printed form of a secret: neither its value nor anything derived from it.

use eklavya_core::secret::StoredSecret;
use jiff::Timestamp;
use serde::Serialize;

use crate::output::{TableRow, time};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    name: String,
    /// `tests`, `checks`, `previews`; `model` for a credential of the model endpoint.
    #[serde(rename = "for")]
    uses: Vec<&'static str>,
    /// How many times the secret was set.
    version: i64,
    set_at: Timestamp,
    set_by: String,
}

impl SecretView {
    pub fn of(secret: &StoredSecret) -> Self {
        Self {
            name: secret.name.to_string(),
            uses: secret.uses.0.iter().map(|one| one.name()).collect(),
            version: secret.version,
            set_at: secret.set_at,
            set_by: secret.set_by.clone(),
        }
    }

    fn uses(&self) -> String {
        if self.uses.is_empty() {
            "nothing".to_owned()
        } else {
            self.uses.join(", ")
        }
    }
}

impl TableRow for SecretView {
    const COLUMNS: &'static [&'static str] = &["name", "for", "version", "set", "by"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.uses(),
            self.version.to_string(),
            time::format_timestamp(self.set_at),
            self.set_by.clone(),
        ]
    }
}
