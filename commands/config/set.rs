//! `eklavya config set`

use eklavya_config::{CommentOutcome, ConfigKey, ConfigValue, KeyEdit, edit_key, find_key};
use eklavya_services::audit;
use serde::Serialize;
use serde_json::json;

use crate::data_store;
use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::CommandInvocation;

const EXAMPLES: &str = "\
Examples:
  eklavya config set agents.parallel 8
  eklavya config set model.roles.qa claude-opus-5-5
  eklavya config set budget.overallUsd none
  eklavya config set agents.parallel --default";

/// Change one key in config.yaml
///
/// Nothing else in the file changes; comments stay, except where the file is written in a style
/// that can only be changed by writing it anew, which is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigSetArgs {
    /// The key, like agents.parallel
    key: String,

    /// The new value; none where the key may be without one
    #[arg(required_unless_present = "default", allow_hyphen_values = true)]
    value: Option<String>,

    /// Take the key out of the file, so that the default holds
    #[arg(long, conflicts_with = "value")]
    default: bool,
}

/// What was changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigChangeView {
    key: &'static str,
    /// Nothing where the key was taken out.
    value: Option<ConfigValue>,
    file: String,
    comments_kept: bool,
}

/// Runs `eklavya config set`.
pub fn exec(invocation: &CommandInvocation, args: &ConfigSetArgs) -> Result<(), CommandError> {
    let key = find_key(&args.key)?;
    let change = edit_config_file(invocation, key, args.value.as_deref())?;
    let home = &invocation.home;
    if !home.path.is_dir() {
        let message = format!("there is no data directory {}", home.path);
        return Err(CommandError::new(CommandErrorKind::Environment, message)
            .with_hint("Make it: eklavya init"));
    }
    let comments = edit_key(home, key, &change)?;
    if comments == CommentOutcome::Lost {
        let message = format!(
            "{} was written anew, without its comments",
            home.config_file()
        );
        invocation.printer.warn(&message);
    }
    record_change(invocation, key, &change);
    warn_if_covered(invocation, key)?;
    let message = match &change {
        KeyEdit::Set(value) => format!("{} is {value} now", key.name),
        KeyEdit::Unset => format!("{} has its default again", key.name),
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

/// Notes the change in the audit trail. A configuration that keeps us from the database must be
/// changed all the same: that is told, and no failure.
fn record_change(invocation: &CommandInvocation, key: &'static ConfigKey, change: &KeyEdit) {
    let value = match change {
        KeyEdit::Set(value) => Some(value.to_string()),
        KeyEdit::Unset => None,
    };
    let details = json!({ "key": key.name, "value": value });
    let noted = data_store::with_data_store(invocation, async |data| {
        let about = (None, None);
        audit::record(
            &data,
            &data_store::current_actor(),
            about,
            "config.set",
            details,
        )
        .await?;
        // With store.url this may have been the last word to the file, which people then put away:
        // it must be all of the database.
        data.store.close().await;
        Ok(())
    });
    if let Err(error) = noted {
        let message = format!("this change is not in the audit trail: {error}");
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
    // In the file a relative path would hang below the data directory, which is not what was typed.
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
        let message = format!("{variable} is set in the environment and is stronger");
        invocation.printer.warn(&message);
    }
    Ok(())
}
