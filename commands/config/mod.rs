//! `eklavya config`: the configuration.

mod get;
mod set;
mod show;

use clap::Subcommand;
use eklavya_config::{Entry, Home, Origin, Value};
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::{Page, Row, View};

/// Show and change the configuration
#[derive(Debug, Subcommand)]
pub enum Verb {
    Show(show::Args),
    Get(get::Args),
    Set(set::Args),
}

impl Verb {
    /// Runs the subcommand.
    pub fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Show(args) => show::exec(invocation, &args),
            Verb::Get(args) => get::exec(invocation, &args),
            Verb::Set(args) => set::exec(invocation, &args),
        }
    }
}

/// A key with the value that holds, and where it comes from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    key: &'static str,
    value: Value,
    origin: Origin,
    /// The file, variable or option of that origin; nothing for what is built in.
    source: Option<String>,
}

impl Setting {
    fn of(entry: &Entry, home: &Home) -> Self {
        Self {
            key: entry.key.name,
            value: entry.value.clone(),
            origin: entry.origin,
            source: match entry.origin {
                Origin::Default => None,
                Origin::File => Some(home.config_file().into_string()),
                Origin::Environment => Some(entry.key.variable()),
                Origin::Flag => Some("--set".to_owned()),
            },
        }
    }
}

impl Row for Setting {
    const COLUMNS: &'static [&'static str] = &["key", "value", "origin"];

    fn cells(&self) -> Vec<String> {
        let origin = self.source.clone().unwrap_or_else(|| "default".to_owned());
        vec![self.key.to_owned(), self.value.to_string(), origin]
    }
}

/// People who ask for one value get the value.
impl View for Setting {
    fn render(&self, page: &mut Page) {
        page.line(&self.value.to_string());
    }
}
