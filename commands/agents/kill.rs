//! `eklavya agents kill`

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use eklavya_core::agent::Agent;
use eklavya_engine::agent::kill;
use eklavya_services::{DataStore, agents};

const EXAMPLES: &str = "\
Examples:
  eklavya agents kill 3f2a
  eklavya agents kill --all --yes";

/// Kill agents and their processes; their tasks can be retried
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct AgentsKillArgs {
    /// Ids of the agents, or unique prefixes of them, as shown by `agents ps`
    #[arg(required_unless_present = "all", value_name = "AGENT")]
    agents: Vec<String>,

    /// Kill every running agent
    #[arg(long, conflicts_with = "agents")]
    all: bool,
}

pub fn exec(invocation: &CommandInvocation, args: &AgentsKillArgs) -> Result<(), CommandError> {
    let chosen = data_store::with_data_store(invocation, async |data| {
        find_chosen_agents(&data, args).await
    })?;
    if args.all && !chosen.is_empty() {
        invocation
            .prompt
            .confirm(&format!("Kill {} agents?", chosen.len()))?;
    }
    let killed = data_store::with_data_store(invocation, async |data| {
        let mut killed = Vec::new();
        for agent in &chosen {
            let agent = kill::kill_agent(&data, &data_store::current_actor(), agent).await?;
            killed.push(KilledAgentView {
                id: agent.id.to_string(),
                role: agent.role.to_string(),
                status: agent.state.status(),
            });
        }
        Ok(killed)
    })?;
    let message = match killed.as_slice() {
        [one] => format!(
            "Killed agent {}; its task waits for your decision",
            &one.id[..8]
        ),
        all => format!("Killed {} agents", all.len()),
    };
    invocation.printer.done(&message, &killed)
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct KilledAgentView {
    id: String,
    role: String,
    status: &'static str,
}

async fn find_chosen_agents(
    data: &DataStore,
    args: &AgentsKillArgs,
) -> Result<Vec<Agent>, CommandError> {
    if args.all {
        let all = agents::list(data, None).await?;
        return Ok(all
            .into_iter()
            .filter(|agent| agent.state.is_live())
            .collect());
    }
    let mut chosen = Vec::new();
    for prefix in &args.agents {
        chosen.push(agents::find(data, prefix).await?);
    }
    Ok(chosen)
}
