//! `eklavya config set`

use eklavya_config::{CommentOutcome, ConfigKey, ConfigValue, KeyEdit, edit_key, find_key};
use eklavya_services::audit;
use serde::Serialize;
use serde_json::json;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, data_store};

const EXAMPLES: &str = "\
Examples:
  eklavya config set agents.parallel 8
  eklavya config set model.roles.qa claude-opus-5-5
  eklavya config set budget.overallUsd none
  eklavya config set agents.parallel --default";

/// Set one key in config.yaml, or remove it
///
/// The rest of the file and its comments stay as they are. If the file uses a YAML style that cannot
/// be edited in place, the file is rewritten without its comments, with a warning.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigSetArgs {
    /// Name of the key, such as `agents.parallel`
    key: String,

    /// New value; `none` unsets a key that may have no value
    #[arg(required_unless_present = "default", allow_hyphen_values = true)]
    value: Option<String>,

    /// Remove the key from the file, so that its default applies
    #[arg(long, conflicts_with = "value")]
    default: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigChangeView {
    key: &'static str,
    /// `None` if the key was removed.
    value: Option<ConfigValue>,
    file: String,
    comments_kept: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &ConfigSetArgs) -> Result<(), CommandError> {
    let key = find_key(&args.key)?;
    let change = edit_config_file(invocation, key, args.value.as_deref())?;
    let home = &invocation.home;
    if !home.path.is_dir() {
        let message = format!("the data directory {} does not exist", home.path);
        return Err(CommandError::new(CommandErrorKind::Environment, message)
            .with_hint("Create it: eklavya init"));
    }
    let comments = edit_key(home, key, &change)?;
    if comments == CommentOutcome::Lost {
        let message = format!("{} was rewritten without its comments", home.config_file());
        invocation.printer.warn(&message);
    }
    record_change(invocation, key, &change);
    warn_if_covered(invocation, key)?;
    let message = match &change {
        KeyEdit::Set(value) => format!("Set {} to {value}", key.name),
        KeyEdit::Unset => format!("Reset {} to its default", key.name),
    };
    let changed = ConfigChangeView {
        key: key.name,
        value: match change {
            KeyEdit::Set(value) => Some(value),
            KeyEdit::Unset => None,
        },
        file: home.config_file().into_string(),
        comments_kept: comments == CommentOutcome::Kept,
    };
    invocation.printer.done(&message, &changed)
}

/// Records the change in the audit trail. If the database cannot be used, the command only warns:
/// a configuration with a wrong database must remain changeable.
fn record_change(invocation: &CommandInvocation, key: &'static ConfigKey, change: &KeyEdit) {
    let value = match change {
        KeyEdit::Set(value) => Some(value.to_string()),
        KeyEdit::Unset => None,
    };
    let details = json!({ "key": key.name, "value": value });
    let recorded = data_store::with_data_store(invocation, async |data| {
        let about = (None, None);
        audit::record(
            &data,
            &data_store::current_actor(),
            about,
            "config.set",
            details,
        )
        .await?;
        // After a change of store.url the SQLite file may be moved away, so its write-ahead log must
        // be folded into it.
        data.store.close().await;
        Ok(())
    });
    if let Err(error) = recorded {
        let message = format!("the change is not in the audit trail: {error}");
        invocation.printer.warn(&message);
    }
}

fn edit_config_file(
    invocation: &CommandInvocation,
    key: &'static ConfigKey,
    value: Option<&str>,
) -> Result<KeyEdit, CommandError> {
    let Some(text) = value else {
        return Ok(KeyEdit::Unset);
    };
    // A relative path in the file is relative to the data directory; on the command line it is
    // relative to the working directory.
    let user_home = invocation.environment.get("HOME")?;
    let value =
        ConfigValue::parse(key, text)?.resolve_path(&invocation.working_directory, user_home);
    Ok(KeyEdit::Set(value))
}

fn warn_if_covered(
    invocation: &CommandInvocation,
    key: &'static ConfigKey,
) -> Result<(), CommandError> {
    let variable = key.environment_variable();
    if invocation.environment.get(&variable)?.is_some() {
        let message = format!("{variable} is set in the environment and overrides this value");
        invocation.printer.warn(&message);
    }
    Ok(())
}
