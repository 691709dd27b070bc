//! The options that every command takes.

use camino::Utf8PathBuf;
use clap::{ArgAction, Args, ValueEnum};

/// Global options.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// How results are printed
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub output: OutputFormat,

    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Log more to stderr: -v information, -vv details, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Data directory, in place of EKLAVYA_HOME
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<Utf8PathBuf>,

    /// Configure this run; see `eklavya config show`
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Ask nothing: confirm, and take the default where there is one
    #[arg(short, long, global = true)]
    pub yes: bool,

    /// Run agents without a sandbox: they can read and change everything that you can
    #[arg(long, global = true)]
    pub no_sandbox: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document on each line, one for each element of a list
    Jsonl,
}
