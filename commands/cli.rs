//! The command tree.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use eklavya_config::ProcessEnvironment;
use eklavya_core::exit_code;
use eklavya_core::redactor::Redactor;

use crate::disk_hints;
use crate::error::CommandError;
use crate::invocation::CommandInvocation;
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

#[derive(Debug, Parser)]
#[command(name = "eklavya", version, about = ABOUT, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct EklavyaCli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    verb: TopLevelCommand,
}

#[derive(Debug, Subcommand)]
enum TopLevelCommand {
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    #[command(subcommand)]
    Project(project::ProjectCommand),
    Plan(plan::PlanArgs),
    #[command(subcommand)]
    Demo(demo::DemoCommand),
    Build(build::BuildArgs),
    Verify(verify::VerifyArgs),
    Deliver(deliver::DeliverArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Events(events::EventsCommand),
    #[command(subcommand)]
    Agents(agents::AgentsCommand),
    #[command(subcommand)]
    Tasks(tasks::TasksCommand),
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    Worker(worker::WorkerArgs),
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    Roles(roles::RolesArgs),
    #[command(subcommand)]
    Sandbox(sandbox::SandboxCommand),
    #[command(subcommand)]
    Image(image::ImageCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(subcommand)]
    Db(db::DbCommand),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl TopLevelCommand {
    fn exec(self, invocation: &CommandInvocation) -> Result<(), CommandError> {
        match self {
            TopLevelCommand::Init(args) => init::exec(invocation, &args),
            TopLevelCommand::Doctor(args) => doctor::exec(invocation, &args),
            TopLevelCommand::Project(verb) => verb.exec(invocation),
            TopLevelCommand::Plan(args) => plan::exec(invocation, args),
            TopLevelCommand::Demo(verb) => verb.exec(invocation),
            TopLevelCommand::Build(args) => build::exec(invocation, &args),
            TopLevelCommand::Verify(args) => verify::exec(invocation, &args),
            TopLevelCommand::Deliver(args) => deliver::exec(invocation, &args),
            TopLevelCommand::Status(args) => status::exec(invocation, &args),
            TopLevelCommand::Events(verb) => verb.exec(invocation),
            TopLevelCommand::Agents(verb) => verb.exec(invocation),
            TopLevelCommand::Tasks(verb) => verb.exec(invocation),
            TopLevelCommand::Jobs(verb) => verb.exec(invocation),
            TopLevelCommand::Worker(args) => worker::exec(invocation, &args),
            TopLevelCommand::Budget(verb) => verb.exec(invocation),
            TopLevelCommand::Secret(verb) => verb.exec(invocation),
            TopLevelCommand::Audit(verb) => verb.exec(invocation),
            TopLevelCommand::Roles(args) => roles::exec(invocation, &args),
            TopLevelCommand::Sandbox(verb) => verb.exec(invocation),
            TopLevelCommand::Image(verb) => verb.exec(invocation),
            TopLevelCommand::Config(verb) => verb.exec(invocation),
            TopLevelCommand::Db(verb) => verb.exec(invocation),
            TopLevelCommand::Completions(args) => completions::exec(&args),
            TopLevelCommand::Man(args) => man::exec(invocation, &args),
        }
    }
}

/// Returns the command tree, for completions, manual pages and tests.
pub fn command() -> clap::Command {
    EklavyaCli::command()
}

/// Runs the command line `arguments` and returns the exit code of the process.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: ProcessEnvironment,
) -> ExitCode {
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| EklavyaCli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => dispatch(cli, environment),
        Err(error) => {
            let code = if error.use_stderr() {
                exit_code::USAGE
            } else {
                exit_code::DONE
            };
            // If the output is closed, there is no other place to report it.
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}

fn dispatch(cli: EklavyaCli, environment: ProcessEnvironment) -> ExitCode {
    let format = cli.options.output;
    let mut redactor = Redactor::default();
    let ended = CommandInvocation::new(&cli.options, environment).and_then(|invocation| {
        redactor = invocation.redactor.clone();
        let done = cli.verb.exec(&invocation);
        done.map_err(|error| disk_hints::add_disk_hints(&invocation, error))
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
