//! Limits of the work: `worker.*`, `claude.*`, `agents.*`, `plan.*`, `demo.*`, `build.*`, `verify.*`,
//! `budget.*`

use std::time::Duration;

use super::reader::SettingsReader;
use crate::error::ConfigError;
use eklavya_core::money::MicroUsd;

#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Time without a heartbeat after which another worker takes over a project.
    pub lease_term: Duration,
    /// Agents at the same time on this machine; at least 1. If unset, derived from the number of processors.
    pub agents: Option<u32>,
    /// Memory that must be free before an agent starts, in MiB.
    pub agent_memory_mib: u64,
    /// Memory that agents leave free for other programs, in MiB.
    pub reserve_memory_mib: u64,
}

impl WorkerSettings {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            lease_term: read.seconds("worker.leaseSeconds")?,
            agents: read.optional_integer("worker.agents")?,
            agent_memory_mib: read.integer("worker.agentMemoryMib")?,
            reserve_memory_mib: read.integer("worker.reserveMemoryMib")?,
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub struct AgentLimits {
    /// Maximum turns of one agent.
    pub max_turns: u64,
    /// Agents at the same time in one project; at least 1.
    pub parallel: usize,
    /// Time without output after which an agent is interrupted.
    pub silence: Duration,
    /// How many times a lost or silent agent is resumed.
    pub retries: u32,
    /// Time between interrupting and killing.
    pub grace: Duration,
}

impl AgentLimits {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            max_turns: read.integer("claude.maxTurns")?,
            parallel: read.integer("agents.parallel")?,
            silence: read.seconds("agents.silenceSeconds")?,
            retries: read.integer("agents.retries")?,
            grace: read.seconds("agents.graceSeconds")?,
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub struct StageSettings {
    /// How many plans the Architect may submit.
    pub plan_attempts: u32,
    /// Rival demos of one round.
    pub demo_count: u32,
    /// Time within which a preview must answer.
    pub demo_health: Duration,
    /// How many times a task may be returned before it is blocked.
    pub build_attempts: u32,
    /// Rounds of repair after a criterion fails.
    pub verify_rounds: u32,
}

impl StageSettings {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            plan_attempts: read.integer("plan.attempts")?,
            demo_count: read.integer("demo.count")?,
            demo_health: read.seconds("demo.healthSeconds")?,
            build_attempts: read.integer("build.attempts")?,
            verify_rounds: read.integer("verify.rounds")?,
        })
    }
}

/// Limits apart from the budget of each project; `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub struct BudgetLimits {
    /// Over all projects.
    pub overall: Option<MicroUsd>,
    /// Of each task.
    pub task: Option<MicroUsd>,
    /// Of each agent.
    pub agent: Option<MicroUsd>,
}

impl BudgetLimits {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            overall: read.usd("budget.overallUsd")?,
            task: read.usd("budget.taskUsd")?,
            agent: read.usd("budget.agentUsd")?,
        })
    }
}
