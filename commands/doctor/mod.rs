//! `eklavya doctor`: is everything there that the work needs?

mod browser;
mod bus;
mod disk;
mod home;
mod matrix;
mod model;
mod report;
mod sandbox;
mod tools;

use std::borrow::Cow;

use eklavya_config::Config;
use eklavya_core::domain::isolation::IsolationKind;
use eklavya_core::domain::role::Role;
use eklavya_sandbox::examine::Column;
use serde::Serialize;

use self::report::Report;

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
/// Each cell of the permission matrix (`eklavya roles`) is tried in a sandbox of that role: what it
/// allows, and what it does not. Exits with 7 where something that is needed is not there, or does not hold.
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
    name: Cow<'static, str>,
    status: Status,
    /// What was found.
    detail: String,
    /// What to do about it.
    fix: Option<String>,
    /// Whose cell of the permission matrix it is, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// Which cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<Column>,
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

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "FAILED",
        }
    }
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name: Cow::Borrowed(name),
            status: Status::Ok,
            detail: detail.into(),
            fix: None,
            role: None,
            column: None,
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
        vec![
            self.name.clone().into_owned(),
            self.status.word().to_owned(),
            self.detail.clone(),
            self.fix.clone().unwrap_or_default(),
        ]
    }
}

/// Runs `eklavya doctor`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let report = runtime::short(async {
        let mut report = Report::default();
        report.add(home::directory(&invocation.home));
        report.add(disk::space(&invocation.home.path));
        report.add(tools::git().await);
        match invocation.config() {
            Ok(config) => configured(invocation, config, args, &mut report).await,
            Err(error) => report.add(Check::error("configuration", &error)),
        }
        Ok(report)
    })?;
    report.print(&invocation.printer)?;
    match report.failed() {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} checks failed", report.count());
            Err(CommandError::new(Kind::Environment, message))
        }
    }
}

/// Checks what only the configuration names.
async fn configured(invocation: &Invocation, config: &Config, args: &Args, report: &mut Report) {
    report.add(Check::ok("configuration", invocation.home.config_file()));
    report.add(match desk::location(invocation) {
        Ok(location) => home::store(&location).await,
        Err(error) => Check::error("store", &error),
    });
    report.add(bus::usable(invocation).await);
    report.add(tools::claude(config, &invocation.environment).await);
    let held = sandbox::held(invocation, config, args.isolation).await;
    report.extend(held.checks);
    let browser = browser::works(invocation, config).await;
    if let Some(usable) = held.usable {
        match matrix::tried(config, &usable, &browser).await {
            Ok(rows) => report.matrix(rows),
            Err(check) => report.add(check),
        }
    }
    report.add(browser);
    report.add(model::credential(config));
    report.add(model::prices(config));
}
