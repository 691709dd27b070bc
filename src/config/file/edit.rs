//! Changes one key of `config.yaml` and keeps everything else.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::document::{self, ConfigDocument};
use super::line_edit;
use crate::data_directory::DataDirectory;
use crate::error::ConfigError;
use crate::keys::key::ConfigKey;
use crate::keys::value::ConfigValue;

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEdit {
    Set(ConfigValue),
    /// Removes the key from the file, so that its default applies.
    Unset,
}

/// What happened to the comments of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentOutcome {
    Kept,
    /// The file uses a style (flow style, anchors, block scalars) that could only be changed by rewriting
    /// the file without its comments.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedConfig {
    /// The whole text of the file.
    pub text: String,
    pub comments: CommentOutcome,
}

/// Changes `key` in the `config.yaml` of `home`, atomically and under a lock against other `eklavya`
/// processes. A file with a mistake in it is not changed.
pub fn edit_key(
    home: &DataDirectory,
    key: &'static ConfigKey,
    edit: &KeyEdit,
) -> Result<CommentOutcome, ConfigError> {
    let path = home.config_file();
    let directory = File::open(&home.path).map_err(io_error("read", &home.path))?;
    directory.lock().map_err(io_error("lock", &home.path))?;
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(io_error("read", &path))?,
    };
    let edited = apply_edit(&path, &text, key, edit)?;
    replace_file(&path, &edited.text).map_err(io_error("write", &path))?;
    Ok(edited.comments)
}

/// Returns the text of the file `path` with `key` changed.
pub(super) fn apply_edit(
    path: &Utf8Path,
    text: &str,
    key: &'static ConfigKey,
    edit: &KeyEdit,
) -> Result<EditedConfig, ConfigError> {
    let mut wanted = document::parse(path, text)?;
    match edit {
        KeyEdit::Set(value) => wanted.insert(key.name, value.clone()),
        KeyEdit::Unset => wanted.remove(key.name),
    };
    // The line edit does not know all of YAML, so the parser checks its result.
    let by_lines = match edit {
        KeyEdit::Set(value) => line_edit::set_key(text, key, &to_yaml_scalar(value)),
        KeyEdit::Unset => Some(line_edit::unset_key(text, key)),
    };
    let kept = by_lines.filter(|text| document::parse(path, text).is_ok_and(|is| is == wanted));
    Ok(match kept {
        Some(text) => EditedConfig {
            text,
            comments: CommentOutcome::Kept,
        },
        None => EditedConfig {
            text: render_document(&wanted),
            comments: comment_outcome(text),
        },
    })
}

fn comment_outcome(text: &str) -> CommentOutcome {
    if text.contains('#') {
        CommentOutcome::Lost
    } else {
        CommentOutcome::Kept
    }
}

fn render_document(document: &ConfigDocument) -> String {
    let mut text = String::new();
    let keys = crate::keys::KEYS.iter();
    for (key, value) in keys.filter_map(|key| Some((key, document.get(key.name)?))) {
        text = line_edit::set_key(&text, key, &to_yaml_scalar(value)).unwrap_or(text);
    }
    text
}

/// Returns `value` as a YAML scalar on one line: plain if that is unambiguous, otherwise in double
/// quotes, whose escapes in YAML include those of JSON.
pub(super) fn to_yaml_scalar(value: &ConfigValue) -> String {
    let text = match value {
        // Its display form hides the password.
        ConfigValue::Server(url) => url.to_string(),
        shown => shown.to_string(),
    };
    let bare = matches!(value, ConfigValue::Integer(_) | ConfigValue::Usd(_)) || is_plain(&text);
    if bare {
        text
    } else {
        serde_json::Value::String(text).to_string()
    }
}

fn is_plain(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && !text.ends_with(':')
        && text.bytes().all(safe)
        && matches!(serde_yaml::from_str(text), Ok(serde_yaml::Value::String(read)) if read == text)
}

/// Writes a temporary file and renames it; the target of a symbolic link is replaced, not the link.
fn replace_file(path: &Utf8Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    if let Ok(metadata) = path.metadata() {
        file.as_file().set_permissions(metadata.permissions())?;
    } else {
        let private = std::fs::Permissions::from_mode(0o600);
        file.as_file().set_permissions(private)?;
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    File::open(directory)?.sync_all()
}

fn io_error(action: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> ConfigError {
    let path: Utf8PathBuf = path.to_owned();
    move |source| ConfigError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataDirectoryOrigin, find_key};
    use proptest::prelude::*;

    fn set(text: &str, key: &str, value: &str) -> EditedConfig {
        let key = find_key(key).unwrap();
        let value = ConfigValue::parse(key, value).unwrap();
        apply_edit(Utf8Path::new("c"), text, key, &KeyEdit::Set(value)).unwrap()
    }

    #[test]
    fn one_key_changes_and_the_rest_stays() {
        for (before, after) in [
            ("", "agents:\n  parallel: 8\n"),
            (
                "# mine\nagents:\n  parallel: 2 # two\n",
                "# mine\nagents:\n  parallel: 8 # two\n",
            ),
            (
                "agents:\n    retries: 1\n",
                "agents:\n    retries: 1\n    parallel: 8\n",
            ),
            (
                "agents:\n  # many\n  # parallel: 4\n",
                "agents:\n  # many\n  # parallel: 4\n  parallel: 8\n",
            ),
            (
                "log:\n  level: info",
                "log:\n  level: info\nagents:\n  parallel: 8\n",
            ),
            (
                "agents:\n  parallel: '2' # two\nlog: {}\n",
                "agents:\n  parallel: 8 # two\nlog: {}\n",
            ),
            (
                "agents:\r\n  parallel: 2\r\n",
                "agents:\r\n  parallel: 8\r\n",
            ),
        ] {
            let edited = set(before, "agents.parallel", "8");
            assert_eq!(
                (edited.text.as_str(), edited.comments),
                (after, CommentOutcome::Kept)
            );
        }
    }

    #[test]
    fn other_yaml_styles_are_rewritten_and_the_loss_of_comments_is_reported() {
        let edited = set("agents: {parallel: 2} # two\n", "agents.parallel", "8");
        assert_eq!(edited.text, "agents:\n  parallel: 8\n");
        assert_eq!(edited.comments, CommentOutcome::Lost);
        let edited = set(
            "agents: {parallel: 2, retries: 1}\n",
            "agents.parallel",
            "8",
        );
        assert_eq!(edited.text, "agents:\n  parallel: 8\n  retries: 1\n");
        assert_eq!(edited.comments, CommentOutcome::Kept);
    }

    #[test]
    fn a_password_is_written_as_it_is_and_never_shown() {
        let url = "redis://:s%40fe@h:7/1";
        let edited = set("bus:\n  url: redis://h # mine\n", "bus.url", url);
        assert_eq!(edited.text, format!("bus:\n  url: \"{url}\" # mine\n"));
        let value = ConfigValue::parse(find_key("bus.url").unwrap(), url).unwrap();
        assert_eq!(value.to_string(), "redis://h:7/1");
    }

    #[test]
    fn unset_removes_the_key() {
        let text = "agents:\n  # how many\n  parallel: 2\n  retries: 1\n";
        let key = find_key("agents.parallel").unwrap();
        let edited = apply_edit(Utf8Path::new("c"), text, key, &KeyEdit::Unset).unwrap();
        assert_eq!(edited.text, "agents:\n  # how many\n  retries: 1\n");
        let again = apply_edit(Utf8Path::new("c"), &edited.text, key, &KeyEdit::Unset).unwrap();
        assert_eq!(again, edited);
    }

    #[test]
    fn an_invalid_file_is_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let home = DataDirectory {
            path: Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap(),
            origin: DataDirectoryOrigin::Flag,
        };
        let key = find_key("agents.parallel").unwrap();
        std::fs::write(home.config_file(), "agents: 4\n").unwrap();
        assert!(edit_key(&home, key, &KeyEdit::Set(ConfigValue::Integer(8))).is_err());
        assert_eq!(
            std::fs::read_to_string(home.config_file()).unwrap(),
            "agents: 4\n"
        );
    }

    #[test]
    fn an_edit_keeps_the_file_mode_and_the_symbolic_link() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        let real = path.join("real.yaml");
        std::fs::write(&real, "").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, path.join("config.yaml")).unwrap();
        let home = DataDirectory {
            path: path.clone(),
            origin: DataDirectoryOrigin::Flag,
        };
        let key = find_key("log.level").unwrap();
        edit_key(&home, key, &KeyEdit::Set(ConfigValue::Text("info".into()))).unwrap();
        assert!(home.config_file().is_symlink());
        assert_eq!(
            std::fs::read_to_string(&real).unwrap(),
            "log:\n  level: info\n"
        );
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was_set(text in "[^\\p{Cc}]{1,40}") {
            prop_assume!(!text.trim().is_empty());
            let key = find_key("model.name").unwrap();
            let value = ConfigValue::parse(key, &text).unwrap();
            let file = "# c\nmodel:\n  name: x # kept\n";
            let edited = apply_edit(Utf8Path::new("c"), file, key, &KeyEdit::Set(value.clone())).unwrap();
            prop_assert_eq!(edited.comments, CommentOutcome::Kept);
            let read = document::parse(Utf8Path::new("c"), &edited.text).unwrap();
            prop_assert_eq!(&read[key.name], &value);
        }
    }
}
