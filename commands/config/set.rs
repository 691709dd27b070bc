//! `eklavya config set`

use eklavya_config::{Comments, Edit, Key, Value, edit, find};
use eklavya_services::audit;
use serde::Serialize;
use serde_json::json;

use crate::desk;
use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;

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
pub struct Args {
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
struct Changed {
    key: &'static str,
    /// Nothing where the key was taken out.
    value: Option<Value>,
    file: String,
    comments_kept: bool,
}

/// Runs `eklavya config set`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let key = find(&args.key)?;
    let change = change(invocation, key, args.value.as_deref())?;
    let home = &invocation.home;
    if !home.path.is_dir() {
        let message = format!("there is no data directory {}", home.path);
        return Err(CommandError::new(Kind::Environment, message).hint("Make it: eklavya init"));
    }
    let comments = edit(home, key, &change)?;
    if comments == Comments::Lost {
        let message = format!(
            "{} was written anew, without its comments",
            home.config_file()
        );
        invocation.printer.warn(&message);
    }
    note(invocation, key, &change);
    warn_if_covered(invocation, key)?;
    let message = match &change {
        Edit::Set(value) => format!("{} is {value} now", key.name),
        Edit::Unset => format!("{} has its default again", key.name),
    };
    let changed = Changed {
        key: key.name,
        value: match change {
            Edit::Set(value) => Some(value),
            Edit::Unset => None,
        },
        file: home.config_file().into_string(),
        comments_kept: comments == Comments::Kept,
    };
    invocation.printer.done(&message, &changed)
}

/// Notes the change in the audit trail. A configuration that keeps us from the database must be
/// changed all the same: that is told, and no failure.
fn note(invocation: &Invocation, key: &'static Key, change: &Edit) {
    let value = match change {
        Edit::Set(value) => Some(value.to_string()),
        Edit::Unset => None,
    };
    let details = json!({ "key": key.name, "value": value });
    let noted = desk::with(invocation, async |desk| {
        let about = (None, None);
        audit::note(&desk, &desk::actor(), about, "config.set", details).await?;
        // With store.url this may have been the last word to the file, which people then put away:
        // it must be all of the database.
        desk.store.close().await;
        Ok(())
    });
    if let Err(error) = noted {
        let message = format!("this change is not in the audit trail: {error}");
        invocation.printer.warn(&message);
    }
}

fn change(
    invocation: &Invocation,
    key: &'static Key,
    value: Option<&str>,
) -> Result<Edit, CommandError> {
    let Some(text) = value else {
        return Ok(Edit::Unset);
    };
    // In the file a relative path would hang below the data directory, which is not what was typed.
    let user_home = invocation.environment.get("HOME")?;
    let value = Value::parse(key, text)?.resolved(&invocation.working_directory, user_home);
    Ok(Edit::Set(value))
}

fn warn_if_covered(invocation: &Invocation, key: &'static Key) -> Result<(), CommandError> {
    let variable = key.variable();
    if invocation.environment.get(&variable)?.is_some() {
        let message = format!("{variable} is set in the environment and is stronger");
        invocation.printer.warn(&message);
    }
    Ok(())
}
