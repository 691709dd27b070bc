//! The tree of commands.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use eklavya_config::Environment;
use eklavya_core::domain::redactor::Redactor;
use eklavya_core::exit_code;

use crate::data_directory;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::options::GlobalOptions;
use crate::{
    agents, audit, budget, build, completions, config, db, deliver, demo, doctor, events, image,
    init, jobs, man, plan, project, roles, sandbox, secret, status, tasks, verify, worker,
};

const ABOUT: &str =
    "Runs a software development business with a team of sandboxed, budgeted agents";

const EXAMPLES: &str = "\
From a brief to a delivered repository:
  eklavya init
  eklavya project new shop --brief brief.md --client \"Ada's Coffee\" --budget 25
  eklavya plan shop           # a plan, for you to approve
  eklavya plan approve shop
  eklavya demo build shop     # rival demos, each with a URL
  eklavya demo approve shop 2
  eklavya build shop
  eklavya verify shop
  eklavya deliver shop

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 wrong state, 5 over budget,
6 needs a decision, 7 environment, 130 interrupted.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "eklavya", version, about = ABOUT, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    Doctor(doctor::Args),
    #[command(subcommand)]
    Project(project::Verb),
    Plan(plan::Args),
    #[command(subcommand)]
    Demo(demo::Verb),
    Build(build::Args),
    Verify(verify::Args),
    Deliver(deliver::Args),
    Status(status::Args),
    #[command(subcommand)]
    Events(events::Verb),
    #[command(subcommand)]
    Agents(agents::Verb),
    #[command(subcommand)]
    Tasks(tasks::Verb),
    #[command(subcommand)]
    Jobs(jobs::Verb),
    Worker(worker::Args),
    #[command(subcommand)]
    Budget(budget::Verb),
    #[command(subcommand)]
    Secret(secret::Verb),
    #[command(subcommand)]
    Audit(audit::Verb),
    Roles(roles::Args),
    #[command(subcommand)]
    Sandbox(sandbox::Verb),
    #[command(subcommand)]
    Image(image::Verb),
    #[command(subcommand)]
    Config(config::Verb),
    #[command(subcommand)]
    Db(db::Verb),
    Completions(completions::Args),
    Man(man::Args),
}

impl Verb {
    fn exec(self, invocation: &Invocation) -> Result<(), CommandError> {
        match self {
            Verb::Init(args) => init::exec(invocation, &args),
            Verb::Doctor(args) => doctor::exec(invocation, &args),
            Verb::Project(verb) => verb.exec(invocation),
            Verb::Plan(args) => plan::exec(invocation, args),
            Verb::Demo(verb) => verb.exec(invocation),
            Verb::Build(args) => build::exec(invocation, &args),
            Verb::Verify(args) => verify::exec(invocation, &args),
            Verb::Deliver(args) => deliver::exec(invocation, &args),
            Verb::Status(args) => status::exec(invocation, &args),
            Verb::Events(verb) => verb.exec(invocation),
            Verb::Agents(verb) => verb.exec(invocation),
            Verb::Tasks(verb) => verb.exec(invocation),
            Verb::Jobs(verb) => verb.exec(invocation),
            Verb::Worker(args) => worker::exec(invocation, &args),
            Verb::Budget(verb) => verb.exec(invocation),
            Verb::Secret(verb) => verb.exec(invocation),
            Verb::Audit(verb) => verb.exec(invocation),
            Verb::Roles(args) => roles::exec(invocation, &args),
            Verb::Sandbox(verb) => verb.exec(invocation),
            Verb::Image(verb) => verb.exec(invocation),
            Verb::Config(verb) => verb.exec(invocation),
            Verb::Db(verb) => verb.exec(invocation),
            Verb::Completions(args) => completions::exec(&args),
            Verb::Man(args) => man::exec(invocation, &args),
        }
    }
}

/// Returns the tree of commands, for completions, pages and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line `arguments` and returns the exit code of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> ExitCode {
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => dispatch(cli, environment),
        Err(error) => {
            let code = if error.use_stderr() {
                exit_code::USAGE
            } else {
                exit_code::DONE
            };
            // A closed pipe is no failure of ours, and there is nowhere else to say anything.
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}

fn dispatch(cli: Cli, environment: Environment) -> ExitCode {
    let format = cli.options.output;
    let mut redactor = Redactor::default();
    let ended = Invocation::new(&cli.options, environment).and_then(|invocation| {
        redactor = invocation.redactor.clone();
        let done = cli.verb.exec(&invocation);
        done.map_err(|error| data_directory::advise(&invocation, error))
    });
    match ended {
        Ok(()) => ExitCode::from(exit_code::DONE),
        Err(error) => error.report(format, &redactor),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_sound() {
        super::command().debug_assert();
    }
}
