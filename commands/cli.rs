//! The command tree.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};
use eklavya_config::ProcessEnvironment;
use eklavya_core::exit_code;
use eklavya_core::redactor::Redactor;

use crate::error::{CommandError, disk_hints};
use crate::invocation::CommandInvocation;
use crate::invocation::options::GlobalOptions;
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
            TopLevelCommand::Completions(args) => completions::exec(&args, command()),
            TopLevelCommand::Man(args) => man::exec(invocation, &args, command()),
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
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match parse(&arguments) {
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

/// Parses the command line. For frequent commands, it builds only the part of the command tree that
/// the first argument names, because building the tree takes longer than parsing with it. Help and
/// errors come from the whole tree.
fn parse(arguments: &[OsString]) -> Result<EklavyaCli, clap::Error> {
    let parse_with = |command: clap::Command| {
        let matches = command.try_get_matches_from(arguments)?;
        EklavyaCli::from_arg_matches(&matches)
    };
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    match first.and_then(partial_command).map(parse_with) {
        Some(Ok(cli)) => Ok(cli),
        Some(Err(error)) if error.kind() == ErrorKind::DisplayVersion => Err(error),
        Some(Err(_)) | None => parse_with(command()),
    }
}

fn named_command(name: &str) -> clap::Command {
    clap::Command::default().name(name.to_owned())
}

/// Returns the command tree with only the subcommand `first`, if it is a frequent one, or without
/// subcommands if `first` asks for the version.
fn partial_command(first: &str) -> Option<clap::Command> {
    let group = |augment: fn(clap::Command) -> clap::Command| {
        let command = named_command(first).subcommand_required(true);
        Some(augment(command.arg_required_else_help(true)))
    };
    let subcommand = match first {
        "-V" | "--version" => None,
        "project" => group(project::ProjectCommand::augment_subcommands),
        "demo" => group(demo::DemoCommand::augment_subcommands),
        "events" => group(events::EventsCommand::augment_subcommands),
        "agents" => group(agents::AgentsCommand::augment_subcommands),
        "tasks" => group(tasks::TasksCommand::augment_subcommands),
        "jobs" => group(jobs::JobsCommand::augment_subcommands),
        "budget" => group(budget::BudgetCommand::augment_subcommands),
        "audit" => group(audit::AuditCommand::augment_subcommands),
        "status" => Some(status::StatusArgs::augment_args(named_command(first))),
        _ => return None,
    };
    let root = named_command("eklavya").disable_help_subcommand(true);
    let root = GlobalOptions::augment_args(root.version(env!("CARGO_PKG_VERSION")));
    Some(root.subcommands(subcommand))
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
    use clap::Command;

    #[test]
    fn the_command_tree_is_valid() {
        super::command().debug_assert();
    }

    #[test]
    fn partial_trees_match_the_whole_tree() {
        let shape = |command: &Command| {
            let arguments = command.get_arguments();
            let options: Vec<_> = arguments.map(|one| format!("{one:?}")).collect();
            let subcommands = command.get_subcommands();
            let subcommands: Vec<_> = subcommands.map(|one| format!("{one:?}")).collect();
            (options, subcommands, command.is_subcommand_required_set())
        };
        let whole = super::command();
        let mut compared = 0;
        for expected in whole.get_subcommands() {
            let name = expected.get_name();
            let Some(root) = super::partial_command(name) else {
                continue;
            };
            assert_eq!(shape(root.find_subcommand(name).unwrap()), shape(expected));
            compared += 1;
        }
        assert!(compared > 5);
        let root = super::partial_command("--version").unwrap();
        assert_eq!(root.render_version(), whole.render_version());
    }
}
