//! How the work goes: `worker.*`, `claude.*`, `agents.*`, `plan.*`, `demo.*`, `build.*`, `verify.*`,
//! `budget.*`

use std::time::Duration;

use super::reader::SettingsReader;
use crate::error::ConfigError;
use eklavya_core::money::MicroUsd;

/// How workers work.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Time without a sign of life after which another worker takes a project over.
    pub lease_term: Duration,
    /// Agents at the same time on this machine; at least 1. Without a number it follows from the
    /// processors.
    pub agents: Option<u32>,
    /// Memory that must be free for an agent, in MiB.
    pub agent_memory_mib: u64,
    /// Memory that is left to everything else, in MiB.
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

/// What an agent may take of time and turns.
#[derive(Debug, Clone, Copy)]
pub struct AgentLimits {
    /// Most turns of one agent.
    pub max_turns: u64,
    /// Agents at the same time in one project; at least 1.
    pub parallel: usize,
    /// Silence after which an agent is interrupted.
    pub silence: Duration,
    /// Times that a lost or silent agent is resumed.
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

/// How often and how long the stages try.
#[derive(Debug, Clone, Copy)]
pub struct StageSettings {
    /// Plans that the Architect may hand in.
    pub plan_attempts: u32,
    /// Rival demos of one round.
    pub demo_count: u32,
    /// Time in which a preview must answer.
    pub demo_health: Duration,
    /// Times that a task may come back before it is blocked.
    pub build_attempts: u32,
    /// Rounds of repair after a failed criterion.
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

/// Limits beside the budget of the project itself; nothing is no limit.
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
