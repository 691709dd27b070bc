//! The `eklavya` command: parses, calls the library, prints.
#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments are help texts, and those are not Markdown"
)]

mod agents;
mod audit;
mod budget;
mod build;
mod cli;
mod completions;
mod config;
mod data_store;
mod db;
mod deliver;
mod demo;
mod detach;
mod disk_hints;
mod doctor;
mod error;
mod events;
mod image;
mod init;
mod interrupts;
mod invocation;
mod jobs;
mod logging;
mod man;
mod next_step;
mod options;
mod output;
mod plan;
mod preview_host;
mod project;
mod roles;
mod run_factory;
mod runtime;
mod sandbox;
mod sandbox_init;
mod screenshots;
mod secret;
mod stage_error;
mod stage_run;
mod status;
mod tasks;
mod verify;
mod wait;
mod worker;

use std::process::ExitCode;

use eklavya_config::ProcessEnvironment;

fn main() -> ExitCode {
    if let Some(code) = sandbox_init::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    if let Some(code) = preview_host::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    cli::run(std::env::args_os(), ProcessEnvironment::current())
}
