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
mod db;
mod deliver;
mod demo;
mod doctor;
mod error;
mod events;
mod image;
mod init;
mod invocation;
mod jobs;
mod man;
mod next_step;
mod output;
mod plan;
mod project;
mod roles;
mod sandbox;
mod screenshots;
mod secret;
mod stage;
mod status;
mod tasks;
mod verify;
mod worker;

use std::process::ExitCode;

use eklavya_config::ProcessEnvironment;

fn main() -> ExitCode {
    if let Some(code) = sandbox::init::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    if let Some(code) = demo::preview_host::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    cli::run(std::env::args_os(), ProcessEnvironment::current())
}
