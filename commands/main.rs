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
mod crew;
mod data_directory;
mod db;
mod deliver;
mod demo;
mod desk;
mod detach;
mod doctor;
mod error;
mod events;
mod failure;
mod image;
mod init;
mod interrupts;
mod invocation;
mod jobs;
mod logging;
mod man;
mod next;
mod options;
mod output;
mod pictures;
mod plan;
mod preview_host;
mod project;
mod roles;
mod runtime;
mod sandbox;
mod sandbox_init;
mod secret;
mod status;
mod tasks;
mod verify;
mod wait;
mod work;
mod worker;

use std::process::ExitCode;

use eklavya_config::Environment;

fn main() -> ExitCode {
    if let Some(code) = sandbox_init::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    if let Some(code) = preview_host::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    cli::run(std::env::args_os(), Environment::of_this_process())
}
