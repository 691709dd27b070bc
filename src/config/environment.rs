//! The process environment, read once and passed on as a value.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::error::ConfigError;

/// The variables that a run of `eklavya` was started with.
#[derive(Clone, Default)]
pub struct ProcessEnvironment(BTreeMap<String, OsString>);

impl ProcessEnvironment {
    /// Returns the environment of this process; the only place that reads it. Variables whose name is not
    /// UTF-8 are ignored.
    pub fn current() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .collect(),
        )
    }

    /// Returns the variable, or `None` if it is unset or empty: scripts set an empty variable to unset it.
    pub fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        value
            .to_str()
            .map(Some)
            .ok_or_else(|| ConfigError::NotUtf8(name.to_owned()))
    }

    /// Returns the names of all variables, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for ProcessEnvironment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// Shows only the names: values may be secrets.
impl std::fmt::Debug for ProcessEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn an_empty_variable_is_unset_and_invalid_utf8_is_an_error() {
        let environment = ProcessEnvironment::from_iter([
            ("EMPTY", OsString::new()),
            ("BROKEN", OsString::from_vec(vec![0xff])),
            ("SET", OsString::from("x")),
        ]);
        assert_eq!(environment.get("EMPTY").unwrap(), None);
        assert_eq!(environment.get("ABSENT").unwrap(), None);
        assert_eq!(environment.get("SET").unwrap(), Some("x"));
        assert!(environment.get("BROKEN").is_err());
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = ProcessEnvironment::from_iter([("ANTHROPIC_API_KEY", "sk-secret")]);
        assert_eq!(format!("{environment:?}"), "{\"ANTHROPIC_API_KEY\"}");
    }
}
