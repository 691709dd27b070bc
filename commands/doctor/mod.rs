//! `eklavya doctor`: is everything there that the work needs?

mod browser;
mod bus;
mod disk;
mod home;
mod model;
mod sandbox;
mod tools;

use eklavya::domain::isolation::IsolationKind;
use serde::Serialize;

use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;
use crate::output::Row;
use crate::{desk, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya doctor
  eklavya doctor --isolation docker
  eklavya doctor --output jsonl | jq -r 'select(.status == \"failed\") | .detail'";

/// Check that everything that the work needs is there and usable
///
/// Exits with 7 where something that is needed is not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Try this isolation in place of the configured one
    #[arg(long, value_name = "ISOLATION", value_parser = crate::project::isolation_parser())]
    isolation: Option<IsolationKind>,
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The thing.
    #[serde(rename = "check")]
    name: &'static str,
    status: Status,
    /// What was found.
    detail: String,
    /// What to do about it.
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Ok,
    /// Usable, but not as it should be.
    Warning,
    /// Not usable.
    Failed,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            detail: detail.into(),
            fix: None,
        }
    }

    fn warning(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            status: Status::Warning,
            fix: Some(fix.into()),
            ..Self::ok(check, detail)
        }
    }

    fn failed(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            status: Status::Failed,
            fix: Some(fix.into()),
            ..Self::ok(check, detail)
        }
    }

    /// Returns a failure whose message says what to do.
    fn error(check: &'static str, error: &impl ToString) -> Self {
        Self {
            status: Status::Failed,
            ..Self::ok(check, error.to_string())
        }
    }
}

impl Row for Check {
    const COLUMNS: &'static [&'static str] = &["check", "status", "detail", "fix"];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "FAILED",
        };
        vec![
            self.name.to_owned(),
            status.to_owned(),
            self.detail.clone(),
            self.fix.clone().unwrap_or_default(),
        ]
    }
}

/// Runs `eklavya doctor`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let checks = runtime::short(async {
        let mut checks = vec![
            home::directory(&invocation.home),
            disk::space(&invocation.home.path),
            tools::git().await,
        ];
        match invocation.config() {
            Ok(config) => {
                checks.push(Check::ok("configuration", invocation.home.config_file()));
                checks.push(match desk::location(invocation) {
                    Ok(location) => home::store(&location).await,
                    Err(error) => Check::error("store", &error),
                });
                checks.push(bus::usable(invocation).await);
                checks.push(tools::claude(config, &invocation.environment).await);
                checks.extend(sandbox::checks(invocation, config, args.isolation).await);
                checks.push(browser::starts(invocation, config).await);
                checks.push(model::credential(config));
                checks.push(model::prices(config));
            }
            Err(error) => checks.push(Check::error("configuration", &error)),
        }
        Ok(checks)
    })?;
    invocation.printer.list(&checks, "")?;
    match checks
        .iter()
        .filter(|check| check.status == Status::Failed)
        .count()
    {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} checks failed", checks.len());
            Err(CommandError::new(Kind::Environment, message))
        }
    }
}
