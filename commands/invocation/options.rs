//! The global options.

use camino::Utf8PathBuf;
use clap::{ArgAction, Args, ValueEnum};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// Format of results
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub output: OutputFormat,

    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Log more to stderr: -v for info, -vv for debug, -vvv for trace
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Data directory; overrides EKLAVYA_HOME
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<Utf8PathBuf>,

    /// Set a configuration key for this run; see `eklavya config show`
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Ask no questions: confirm, and use the defaults
    #[arg(short, long, global = true)]
    pub yes: bool,

    /// Run agents without a sandbox: they can read and change everything that you can
    #[arg(long, global = true)]
    pub no_sandbox: bool,
}

/// The format of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Text for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document per line, one for each element of a list
    Jsonl,
}
