//! `eklavya doctor`

mod browser;
mod bus;
mod disk;
mod matrix;
mod model;
mod report;
mod sandbox;
pub(crate) mod storage;
mod tools;

use std::borrow::Cow;

use eklavya_config::Config;
use eklavya_core::agent::role::Role;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_sandbox::selftest::MatrixColumn;
use serde::Serialize;

use self::report::DoctorReport;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::output::TableRow;

const EXAMPLES: &str = "\
Examples:
  eklavya doctor
  eklavya doctor --isolation docker
  eklavya doctor --output jsonl | jq -r 'select(.status == \"failed\") | .detail'";

/// Check that everything that agents need is installed and usable
///
/// Tests each cell of the permission matrix (`eklavya roles`) in a sandbox of that role: what the role
/// may do, and what it may not. Exits with 7 if a requirement is missing or a test fails.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Isolation backend to test (default: `sandbox.isolation`)
    #[arg(long, value_name = "ISOLATION", value_parser = crate::project::isolation_parser())]
    isolation: Option<IsolationKind>,
}

/// The result of one check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoctorCheck {
    #[serde(rename = "check")]
    name: Cow<'static, str>,
    status: CheckStatus,
    detail: String,
    /// How to fix the problem.
    fix: Option<String>,
    /// The role, if this is a cell of the permission matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// The column, if this is a cell of the permission matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<MatrixColumn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum CheckStatus {
    Ok,
    /// Usable, but with a restriction.
    Warning,
    /// Not usable.
    Failed,
}

impl CheckStatus {
    fn label(self) -> &'static str {
        match self {
            CheckStatus::Ok => "ok",
            CheckStatus::Warning => "warning",
            CheckStatus::Failed => "FAILED",
        }
    }
}

impl DoctorCheck {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name: Cow::Borrowed(name),
            status: CheckStatus::Ok,
            detail: detail.into(),
            fix: None,
            role: None,
            column: None,
        }
    }

    fn warning(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            status: CheckStatus::Warning,
            fix: Some(fix.into()),
            ..Self::ok(check, detail)
        }
    }

    fn failed(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            status: CheckStatus::Failed,
            fix: Some(fix.into()),
            ..Self::ok(check, detail)
        }
    }

    /// Returns a failure whose message names the fix.
    fn failed_with_error(check: &'static str, error: &impl ToString) -> Self {
        Self {
            status: CheckStatus::Failed,
            ..Self::ok(check, error.to_string())
        }
    }
}

impl TableRow for DoctorCheck {
    const COLUMNS: &'static [&'static str] = &["check", "status", "detail", "fix"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone().into_owned(),
            self.status.label().to_owned(),
            self.detail.clone(),
            self.fix.clone().unwrap_or_default(),
        ]
    }
}

pub fn exec(invocation: &CommandInvocation, args: &DoctorArgs) -> Result<(), CommandError> {
    let report = runtime::run_short(async {
        let mut report = DoctorReport::default();
        report.add(storage::check_data_directory(&invocation.home));
        report.add(disk::check_free_space(&invocation.home.path));
        report.add(tools::check_git().await);
        match invocation.config() {
            Ok(config) => add_configured_checks(invocation, config, args, &mut report).await,
            Err(error) => report.add(DoctorCheck::failed_with_error("configuration", &error)),
        }
        Ok(report)
    })?;
    report.print(&invocation.printer)?;
    match report.failed_count() {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} checks failed", report.count());
            Err(CommandError::new(CommandErrorKind::Environment, message))
        }
    }
}

/// Runs the checks that need a valid configuration.
async fn add_configured_checks(
    invocation: &CommandInvocation,
    config: &Config,
    args: &DoctorArgs,
    report: &mut DoctorReport,
) {
    report.add(DoctorCheck::ok(
        "configuration",
        invocation.home.config_file(),
    ));
    report.add(match data_store::location(invocation) {
        Ok(location) => storage::check_store(&location).await,
        Err(error) => DoctorCheck::failed_with_error("store", &error),
    });
    report.add(bus::check_bus(invocation).await);
    report.add(tools::check_claude(config, &invocation.environment).await);
    let sandbox = sandbox::check_sandbox(invocation, config, args.isolation).await;
    report.extend(sandbox.checks);
    let browser = browser::check_browser(invocation, config).await;
    if let Some(usable) = sandbox.usable {
        match matrix::check_matrix(config, &usable, &browser).await {
            Ok(rows) => report.add_matrix(rows),
            Err(check) => report.add(check),
        }
    }
    report.add(browser);
    report.add(model::check_credential(config));
    report.add(model::check_prices(config));
}
