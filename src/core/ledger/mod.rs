//! The ledger's words: what a request used, what it may cost at most, which limits it counts against.

pub mod rate_limit;

use std::fmt;

use serde::Serialize;

use super::event::Event;
use super::ids::{AgentId, LedgerId, ProjectId, TaskId};
use super::money::MicroUsd;
use crate::agent::role::Role;

/// Tokens and searches that one request was charged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    /// Input tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Output tokens, thinking included.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache for five minutes.
    pub cache_write_5m: u64,
    /// Input tokens written to a cache for one hour.
    pub cache_write_1h: u64,
    /// Searches of the web made by the model's own tool.
    pub web_searches: u64,
}

impl TokenUsage {
    /// Returns the size of the prompt: every kind of input token.
    pub fn prompt_tokens(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }
}

/// The most that a request can cost, as a function of its `max_tokens`.
///
/// Amounts inside are pico-dollars: one token at one micro-dollar per million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceQuote {
    /// The model as it was requested.
    pub model: String,
    /// Whether the price list does not know the model, so that the dearest price was taken.
    pub unknown_model: bool,
    /// The input side and the searches, in pico-dollars.
    pub fixed_pico: i128,
    /// One output token, in pico-dollars.
    pub output_pico: i128,
    /// The `max_tokens` that the request asks for.
    pub max_tokens: u64,
    /// The fewest output tokens with which the request still makes sense.
    pub min_tokens: u64,
}

/// Pico-dollars in one micro-dollar.
pub const PICO_PER_MICRO: i128 = 1_000_000;

impl PriceQuote {
    /// Returns the most that the request costs with `max_tokens`, rounded up.
    pub fn cost_at(&self, max_tokens: u64) -> MicroUsd {
        round_up_to_micros(
            self.fixed_pico
                .saturating_add(self.output_pico.saturating_mul(i128::from(max_tokens))),
        )
    }

    /// Returns the largest `max_tokens`, at most the one asked for, that costs no more than
    /// `available`; nothing where that is less than `min_tokens`.
    pub fn affordable_tokens(&self, available: MicroUsd) -> Option<u64> {
        let left = i128::from(available.0) * PICO_PER_MICRO - self.fixed_pico;
        let tokens = if left < 0 {
            return None;
        } else if self.output_pico == 0 {
            self.max_tokens
        } else {
            u64::try_from(left / self.output_pico)
                .unwrap_or(u64::MAX)
                .min(self.max_tokens)
        };
        (tokens >= self.min_tokens.min(self.max_tokens)).then_some(tokens)
    }
}

/// The most that one request can be said to cost: a billion dollars. Prompts and endpoints may state
/// any number of tokens; sums of what comes of it must still be numbers that a database holds.
const MAX_COST: MicroUsd = MicroUsd(1_000_000_000_000_000);

/// Returns pico-dollars as micro-dollars, rounded up to the next whole one; [`MOST`] at most.
pub fn round_up_to_micros(pico: i128) -> MicroUsd {
    let micros = pico.div_euclid(PICO_PER_MICRO) + i128::from(pico.rem_euclid(PICO_PER_MICRO) > 0);
    MicroUsd(i64::try_from(micros).map_or(MAX_COST.0, |micros| micros.min(MAX_COST.0)))
}

/// What a limit is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetScope {
    /// Everything that this data directory's projects spend.
    All,
    /// One project.
    Project(ProjectId),
    /// One task.
    Task(TaskId),
    /// One agent.
    Agent(AgentId),
}

impl BudgetScope {
    /// Returns the name used in SQL and JSON.
    pub fn name(self) -> &'static str {
        match self {
            BudgetScope::All => "all",
            BudgetScope::Project(_) => "project",
            BudgetScope::Task(_) => "task",
            BudgetScope::Agent(_) => "agent",
        }
    }

    /// Returns the identifier used in SQL; the nil one for [`BudgetScope::All`].
    pub fn id(self) -> uuid::Uuid {
        match self {
            BudgetScope::All => uuid::Uuid::nil(),
            BudgetScope::Project(id) => id.0,
            BudgetScope::Task(id) => id.0,
            BudgetScope::Agent(id) => id.0,
        }
    }
}

/// A limit and what stands against it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// The limit; nothing where there is none.
    pub limit: Option<MicroUsd>,
    /// Held by requests that are under way.
    pub reserved: MicroUsd,
    /// Settled.
    pub spent: MicroUsd,
}

impl Budget {
    /// Returns what a new request may reserve; nothing where there is no limit.
    pub fn available(&self) -> Option<MicroUsd> {
        self.limit
            .map(|limit| limit.saturating_sub(self.spent + self.reserved))
    }
}

/// On whose account a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPayer {
    /// The project.
    pub project: ProjectId,
    /// Its name on the command line.
    pub slug: String,
    /// The task.
    pub task: TaskId,
    /// Its name on the command line, e.g. `T3`.
    pub task_key: String,
    /// The agent.
    pub agent: AgentId,
    /// The agent's role.
    pub role: Role,
    /// The worker whose process sends the request.
    pub worker: String,
    /// The tenure in which it does.
    pub fence: i64,
    /// Whether a rehearsal answers in place of the model.
    pub rehearsal: bool,
}

impl RequestPayer {
    /// Returns the limits that a request counts against, in the order in which they are taken.
    pub fn budget_scopes(&self) -> [BudgetScope; 4] {
        budget_scopes(self.project, self.task, self.agent)
    }
}

/// Returns the limits of an agent's requests, in the order in which they are always taken.
pub fn budget_scopes(project: ProjectId, task: TaskId, agent: AgentId) -> [BudgetScope; 4] {
    [
        BudgetScope::All,
        BudgetScope::Project(project),
        BudgetScope::Task(task),
        BudgetScope::Agent(agent),
    ]
}

/// Money that is held for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The ledger entry.
    pub id: LedgerId,
    /// The `max_tokens` that the request may have.
    pub max_tokens: u64,
    /// The amount held.
    pub amount: MicroUsd,
}

/// A limit that leaves too little for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetShortage {
    /// Which limit.
    pub scope: BudgetScope,
    /// The project's name on the command line.
    pub slug: String,
    /// The task's name on the command line.
    pub task_key: String,
    /// The limit and what stands against it.
    pub budget: Budget,
    /// What the request needs at least.
    pub needed: MicroUsd,
}

impl BudgetShortage {
    /// Returns the command that extends the limit.
    pub fn extend_command(&self) -> String {
        match self.scope {
            BudgetScope::All => "eklavya budget set --all --limit N".to_owned(),
            BudgetScope::Project(_) => format!("eklavya budget set {} --limit N", self.slug),
            BudgetScope::Task(_) => {
                format!(
                    "eklavya budget set {} --task {} --limit N",
                    self.slug, self.task_key
                )
            }
            // Who goes on is another agent, with a limit of its own.
            BudgetScope::Agent(_) => "eklavya config set budget.agentUsd N".to_owned(),
        }
    }
}

impl fmt::Display for BudgetShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            BudgetScope::All => f.write_str("the budget of all projects")?,
            BudgetScope::Project(_) => write!(f, "the budget of project {}", self.slug)?,
            BudgetScope::Task(_) => write!(f, "the budget of task {}", self.task_key)?,
            BudgetScope::Agent(id) => write!(f, "the budget of agent {}", id.short())?,
        }
        write!(
            f,
            " is used up: limit ${}, spent ${}, reserved ${}, and this request needs at least ${}; extend it with: {}",
            self.budget.limit.unwrap_or_default(),
            self.budget.spent,
            self.budget.reserved,
            self.needed,
            self.extend_command()
        )
    }
}

/// Shares of a project's limit whose crossing raises an event, in percent.
pub const THRESHOLDS: [i64; 3] = [50, 80, 100];

/// A threshold of a project's limit that was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetAlert {
    /// The project.
    pub project_id: ProjectId,
    /// What it has spent.
    pub spent: MicroUsd,
    /// Its limit.
    pub limit: MicroUsd,
    /// The threshold, one of [`THRESHOLDS`].
    pub percent: i64,
}

impl BudgetAlert {
    /// Returns the event that tells of it.
    pub fn to_event(&self) -> Event {
        let BudgetAlert {
            project_id,
            spent,
            limit,
            percent,
        } = *self;
        if percent >= 100 {
            Event::BudgetExceeded {
                project_id,
                spent,
                limit,
            }
        } else {
            Event::BudgetWarning {
                project_id,
                spent,
                limit,
                percent,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote() -> PriceQuote {
        PriceQuote {
            model: "m".into(),
            unknown_model: false,
            fixed_pico: 1_500_000,
            output_pico: 10_000_000,
            max_tokens: 1000,
            min_tokens: 256,
        }
    }

    #[test]
    fn a_quote_rounds_up_and_never_affords_more_than_there_is() {
        let quote = quote();
        assert_eq!(quote.cost_at(1), MicroUsd(12));
        for available in 0..20_000 {
            match quote.affordable_tokens(MicroUsd(available)) {
                Some(tokens) => assert!(quote.cost_at(tokens).0 <= available && tokens >= 256),
                None => assert!(quote.cost_at(256).0 > available),
            }
        }
    }

    #[test]
    fn a_request_that_asks_for_little_is_granted_little() {
        let small = PriceQuote {
            max_tokens: 10,
            ..quote()
        };
        assert_eq!(small.affordable_tokens(MicroUsd(102)), Some(10));
        assert_eq!(small.affordable_tokens(MicroUsd(101)), None);
    }
}
