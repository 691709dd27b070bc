//! `eklavya plan`

mod approve;
mod reject;
mod show;

use clap::Subcommand;
use eklavya_core::job::JobGoal;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::stage::{self as work, WorkOptions};

const EXAMPLES: &str = "\
Examples:
  eklavya plan shop                  # the agents write requirements, architecture and plan
  eklavya plan shop --detach         # return at once; a background worker plans
  eklavya plan show shop
  eklavya plan approve shop --yes
  eklavya plan reject shop --feedback \"No online payment in the first version\"";

/// Plan a project: requirements, architecture, tasks, cost
///
/// Agents write the requirements and the architecture and submit a plan, which then waits for your
/// approval. If the command is interrupted, run it again; it resumes where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub struct PlanArgs {
    #[command(subcommand)]
    verb: Option<PlanCommand>,

    /// The project
    #[arg(required = true)]
    slug: Option<String>,

    #[command(flatten)]
    work: WorkOptions,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    Show(show::PlanShowArgs),
    Approve(approve::PlanApproveArgs),
    Reject(reject::PlanRejectArgs),
}

pub fn exec(invocation: &CommandInvocation, args: PlanArgs) -> Result<(), CommandError> {
    if args.verb.is_some() && (args.slug.is_some() || args.work.is_given()) {
        let message = "put the options of a plan subcommand after its name";
        return Err(CommandError::usage(message));
    }
    match (args.verb, args.slug) {
        (Some(PlanCommand::Show(args)), _) => show::exec(invocation, &args),
        (Some(PlanCommand::Approve(args)), _) => approve::exec(invocation, args),
        (Some(PlanCommand::Reject(args)), _) => reject::exec(invocation, args),
        (None, Some(slug)) => work::run_stage(invocation, &slug, JobGoal::Plan, &args.work),
        // The parser requires one of them.
        (None, None) => Err(CommandError::usage("name the project: eklavya plan SLUG")),
    }
}
