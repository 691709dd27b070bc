//! The `eklavya` command: parses, calls the library, prints.
#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments are help texts, and those are not Markdown"
)]

mod cli;
mod completions;
mod config;
mod error;
mod init;
mod invocation;
mod logging;
mod man;
mod options;
mod output;
mod runtime;

use std::process::ExitCode;

use eklavya::config::Environment;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), Environment::of_this_process())
}
