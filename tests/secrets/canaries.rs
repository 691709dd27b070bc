//! The secret values that must not appear anywhere.

use std::collections::BTreeMap;

use eklavya_core::redactor::Redactor;
use uuid::Uuid;

/// Known values by their names. Every run has new values.
pub struct CanarySecrets {
    values: BTreeMap<&'static str, String>,
    all: Redactor,
}

impl CanarySecrets {
    pub fn new(names: &[&'static str]) -> Self {
        let value = |name: &str| format!("canary-{}-{}", name.to_lowercase(), Uuid::new_v4());
        let mut canaries = Self {
            values: BTreeMap::new(),
            all: Redactor::default(),
        };
        for name in names {
            canaries.add(name, &value(name));
        }
        canaries
    }

    pub fn add(&mut self, name: &'static str, value: &str) {
        self.values.insert(name, value.to_owned());
        self.all.add_secrets([value.into()]);
    }

    pub fn get(&self, name: &str) -> &str {
        &self.values[name]
    }

    /// Returns the names of the values that `bytes` contains, in any encoding.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let mut found = Vec::new();
        if self.all.contains_secret(bytes) {
            for (name, value) in &self.values {
                if Redactor::new([value.as_str().into()]).contains_secret(bytes) {
                    found.push(*name);
                }
            }
        }
        found
    }

    #[track_caller]
    pub fn assert_none_in(&self, place: &str, bytes: &[u8]) {
        let found = self.found_in(bytes);
        assert!(found.is_empty(), "{place} contains {found:?}");
    }
}
