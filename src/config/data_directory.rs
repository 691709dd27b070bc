//! The location of the data directory.

use camino::{Utf8Path, Utf8PathBuf};
use nix::unistd::{User, geteuid};
use serde::Serialize;

use super::environment::ProcessEnvironment;
use super::error::ConfigError;

/// The variable that sets the data directory.
pub(crate) const HOME_VARIABLE: &str = "EKLAVYA_HOME";
/// The data directory of root: its agents run as users that cannot traverse `/root`.
const ROOT_DATA_DIRECTORY: &str = "/var/lib/eklavya";

/// The data directory ("home").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDirectory {
    /// The absolute path.
    pub path: Utf8PathBuf,
    pub origin: DataDirectoryOrigin,
}

/// What sets the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DataDirectoryOrigin {
    /// `--home`.
    Flag,
    /// `EKLAVYA_HOME`.
    Environment,
    /// Nothing: the default location.
    Default,
}

impl DataDirectory {
    /// Returns the data directory: `flag`, else `EKLAVYA_HOME`, else `/var/lib/eklavya` for root and
    /// `$XDG_DATA_HOME/eklavya` or `~/.local/share/eklavya` for other users. A relative path is
    /// relative to `working_directory`.
    pub fn locate(
        flag: Option<&Utf8Path>,
        environment: &ProcessEnvironment,
        working_directory: &Utf8Path,
    ) -> Result<Self, ConfigError> {
        let (path, origin) = match (flag, environment.get(HOME_VARIABLE)?) {
            (Some(path), _) => (path.to_owned(), DataDirectoryOrigin::Flag),
            (None, Some(path)) => (path.into(), DataDirectoryOrigin::Environment),
            (None, None) if geteuid().is_root() => {
                (ROOT_DATA_DIRECTORY.into(), DataDirectoryOrigin::Default)
            }
            (None, None) => (
                user_data_directory(environment)?,
                DataDirectoryOrigin::Default,
            ),
        };
        Ok(Self {
            path: working_directory.join(path),
            origin,
        })
    }

    pub fn config_file(&self) -> Utf8PathBuf {
        self.path.join("config.yaml")
    }

    /// Returns the path of the embedded database.
    pub fn database_file(&self) -> Utf8PathBuf {
        self.path.join("eklavya.db")
    }

    /// Returns the path of the price table that replaces the built-in one, if the file exists.
    pub fn pricing_file(&self) -> Utf8PathBuf {
        self.path.join("pricing.yaml")
    }

    pub fn project_directory(&self, slug: &str) -> Utf8PathBuf {
        self.path.join("projects").join(slug)
    }
}

fn user_data_directory(environment: &ProcessEnvironment) -> Result<Utf8PathBuf, ConfigError> {
    // The XDG base directory specification: a relative XDG_DATA_HOME must be ignored.
    if let Some(data) = environment
        .get("XDG_DATA_HOME")?
        .filter(|path| path.starts_with('/'))
    {
        return Ok(Utf8Path::new(data).join("eklavya"));
    }
    let home = match environment.get("HOME")? {
        Some(home) => Utf8PathBuf::from(home),
        None => account_home()?,
    };
    Ok(home.join(".local/share/eklavya"))
}

fn account_home() -> Result<Utf8PathBuf, ConfigError> {
    let account = User::from_uid(geteuid()).ok().flatten();
    let directory = account.ok_or(ConfigError::NoDataDirectory)?.dir;
    Utf8PathBuf::from_path_buf(directory).map_err(ConfigError::PathNotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(flag: Option<&str>, variables: &[(&str, &str)]) -> DataDirectory {
        let environment = variables.iter().copied().collect();
        DataDirectory::locate(flag.map(Utf8Path::new), &environment, Utf8Path::new("/cwd")).unwrap()
    }

    #[test]
    fn the_flag_wins_over_the_variable_and_both_may_be_relative() {
        let variable = [("EKLAVYA_HOME", "there")];
        let home = locate(Some("here"), &variable);
        assert_eq!(
            (home.path.as_str(), home.origin),
            ("/cwd/here", DataDirectoryOrigin::Flag)
        );
        let home = locate(None, &variable);
        assert_eq!(
            (home.path.as_str(), home.origin),
            ("/cwd/there", DataDirectoryOrigin::Environment)
        );
    }

    #[test]
    fn the_default_is_below_the_users_data_directory() {
        let of = |variables: &[(&str, &str)]| {
            user_data_directory(&variables.iter().copied().collect()).unwrap()
        };
        assert_eq!(
            of(&[("HOME", "/home/ada")]),
            "/home/ada/.local/share/eklavya"
        );
        let relative = [("HOME", "/home/ada"), ("XDG_DATA_HOME", "data")];
        assert_eq!(of(&relative), "/home/ada/.local/share/eklavya");
        assert_eq!(of(&[("XDG_DATA_HOME", "/data")]), "/data/eklavya");
        assert!(of(&[]).ends_with(".local/share/eklavya"));
    }
}
