//! `eklavya agents kill`

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use eklavya_core::domain::agent::Agent;
use eklavya_engine::kill;
use eklavya_services::{Desk, agents};

const EXAMPLES: &str = "\
Examples:
  eklavya agents kill 3f2a
  eklavya agents kill --all --yes";

/// End agents and their processes; their tasks can be tried again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The agents: the beginnings of their ids, as agents ps shows them
    #[arg(required_unless_present = "all", value_name = "AGENT")]
    agents: Vec<String>,

    /// End every agent
    #[arg(long, conflicts_with = "agents")]
    all: bool,
}

/// Runs `eklavya agents kill`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let chosen = desk::with(invocation, async |desk| chosen(&desk, args).await)?;
    if args.all && !chosen.is_empty() {
        invocation
            .prompt
            .confirm(&format!("Kill {} agents?", chosen.len()))?;
    }
    let killed = desk::with(invocation, async |desk| {
        let mut killed = Vec::new();
        for agent in &chosen {
            let agent = kill::kill(&desk, &desk::actor(), agent).await?;
            killed.push(Killed {
                id: agent.id.to_string(),
                role: agent.role.to_string(),
                status: agent.state.status(),
            });
        }
        Ok(killed)
    })?;
    let message = match killed.as_slice() {
        [one] => format!("Agent {} is killed; its task waits for you", &one.id[..8]),
        all => format!("{} agents are killed", all.len()),
    };
    invocation.printer.done(&message, &killed)
}

/// An agent that was killed.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Killed {
    id: String,
    role: String,
    status: &'static str,
}

async fn chosen(desk: &Desk, args: &Args) -> Result<Vec<Agent>, CommandError> {
    if args.all {
        let all = agents::list(desk, None).await?;
        return Ok(all
            .into_iter()
            .filter(|agent| agent.state.is_live())
            .collect());
    }
    let mut chosen = Vec::new();
    for prefix in &args.agents {
        chosen.push(agents::find(desk, prefix).await?);
    }
    Ok(chosen)
}
