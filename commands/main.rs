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
mod sandbox_init;

use std::process::ExitCode;

use eklavya::config::Environment;

fn main() -> ExitCode {
    if let Some(code) = sandbox_init::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    cli::run(std::env::args_os(), Environment::of_this_process())
}
