//! `eklavya config`

mod get;
mod set;
mod show;

use clap::Subcommand;
use eklavya_config::{ConfigEntry, ConfigValue, DataDirectory, ValueOrigin};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::output::{OutputPage, OutputView, TableRow};

/// Show and change the configuration
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Show(show::ConfigShowArgs),
    Get(get::ConfigGetArgs),
    Set(set::ConfigSetArgs),
}

impl ConfigCommand {
    pub fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            ConfigCommand::Show(args) => show::exec(invocation, &args),
            ConfigCommand::Get(args) => get::exec(invocation, &args),
            ConfigCommand::Set(args) => set::exec(invocation, &args),
        }
    }
}

/// A key with its effective value and the origin of the value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingView {
    key: &'static str,
    value: ConfigValue,
    origin: ValueOrigin,
    /// The file, variable or option that sets the value; `None` for a default.
    source: Option<String>,
}

impl SettingView {
    fn of(entry: &ConfigEntry, home: &DataDirectory) -> Self {
        Self {
            key: entry.key.name,
            value: entry.value.clone(),
            origin: entry.origin,
            source: match entry.origin {
                ValueOrigin::Default => None,
                ValueOrigin::File => Some(home.config_file().into_string()),
                ValueOrigin::Environment => Some(entry.key.environment_variable()),
                ValueOrigin::Flag => Some("--set".to_owned()),
            },
        }
    }
}

impl TableRow for SettingView {
    const COLUMNS: &'static [&'static str] = &["key", "value", "origin"];

    fn cells(&self) -> Vec<String> {
        let origin = self.source.clone().unwrap_or_else(|| "default".to_owned());
        vec![self.key.to_owned(), self.value.to_string(), origin]
    }
}

/// `config get` prints the bare value.
impl OutputView for SettingView {
    fn render(&self, page: &mut OutputPage) {
        page.line(&self.value.to_string());
    }
}
