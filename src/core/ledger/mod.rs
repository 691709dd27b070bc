//! The types of the ledger: token usage, price quotes, budgets and reservations.

pub mod rate_limit;

use std::fmt;

use serde::Serialize;

use super::event::Event;
use super::ids::{AgentId, LedgerId, ProjectId, TaskId};
use super::money::MicroUsd;
use crate::agent::role::Role;

/// The tokens and searches that one request was charged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    /// Input tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Output tokens, including thinking.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache for five minutes.
    pub cache_write_5m: u64,
    /// Input tokens written to a cache for one hour.
    pub cache_write_1h: u64,
    /// Web searches by the model's own tool.
    pub web_searches: u64,
}

impl TokenUsage {
    /// Returns the size of the prompt: all kinds of input tokens.
    pub fn prompt_tokens(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }
}

/// The most that a request can cost, as a function of its `max_tokens`.
///
/// Amounts are in pico-dollars: one token at one micro-dollar per million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceQuote {
    /// The requested model.
    pub model: String,
    /// Whether the price list lacks the model, so that the highest price is used.
    pub unknown_model: bool,
    /// Input and searches, in pico-dollars.
    pub fixed_pico: i128,
    /// One output token, in pico-dollars.
    pub output_pico: i128,
    /// The requested `max_tokens`.
    pub max_tokens: u64,
    /// The fewest output tokens with which the request is useful.
    pub min_tokens: u64,
}

pub(crate) const PICO_PER_MICRO: i128 = 1_000_000;

impl PriceQuote {
    /// Returns the most that the request costs with `max_tokens`, rounded up.
    pub fn cost_at(&self, max_tokens: u64) -> MicroUsd {
        round_up_to_micros(
            self.fixed_pico
                .saturating_add(self.output_pico.saturating_mul(i128::from(max_tokens))),
        )
    }

    /// Returns the largest `max_tokens`, up to the requested one, that costs no more than
    /// `available`;
    /// `None` if that is less than `min_tokens`.
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

/// The upper bound of the cost of one request: a billion dollars. Prompts and endpoints may state
/// any number of tokens; sums of their costs must still fit a database integer.
const MAX_COST: MicroUsd = MicroUsd(1_000_000_000_000_000);

/// Returns pico-dollars as micro-dollars, rounded up; at most [`MAX_COST`].
pub fn round_up_to_micros(pico: i128) -> MicroUsd {
    let micros = pico.div_euclid(PICO_PER_MICRO) + i128::from(pico.rem_euclid(PICO_PER_MICRO) > 0);
    MicroUsd(i64::try_from(micros).map_or(MAX_COST.0, |micros| micros.min(MAX_COST.0)))
}

/// The scope of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetScope {
    /// All projects of this data directory.
    All,
    Project(ProjectId),
    Task(TaskId),
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

    /// Returns the id used in SQL; nil for [`BudgetScope::All`].
    pub fn id(self) -> uuid::Uuid {
        match self {
            BudgetScope::All => uuid::Uuid::nil(),
            BudgetScope::Project(id) => id.0,
            BudgetScope::Task(id) => id.0,
            BudgetScope::Agent(id) => id.0,
        }
    }
}

/// A limit, with the amounts that count against it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    pub limit: Option<MicroUsd>,
    /// Reserved by requests in progress.
    pub reserved: MicroUsd,
    pub spent: MicroUsd,
}

impl Budget {
    /// Returns the amount that a new request may reserve; `None` without a limit.
    pub fn available(&self) -> Option<MicroUsd> {
        self.limit
            .map(|limit| limit.saturating_sub(self.spent + self.reserved))
    }
}

/// Who pays for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPayer {
    pub project: ProjectId,
    pub slug: String,
    pub task: TaskId,
    /// For example `T3`.
    pub task_key: String,
    pub agent: AgentId,
    pub role: Role,
    pub worker: String,
    /// The fence of the worker's lease.
    pub fence: i64,
    /// Whether a rehearsal answers in place of the model.
    pub rehearsal: bool,
}

impl RequestPayer {
    /// Returns the scopes that a request counts against, in locking order.
    pub fn budget_scopes(&self) -> [BudgetScope; 4] {
        budget_scopes(self.project, self.task, self.agent)
    }
}

/// Returns the scopes of an agent's requests, in locking order.
pub fn budget_scopes(project: ProjectId, task: TaskId, agent: AgentId) -> [BudgetScope; 4] {
    [
        BudgetScope::All,
        BudgetScope::Project(project),
        BudgetScope::Task(task),
        BudgetScope::Agent(agent),
    ]
}

/// Money reserved for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub id: LedgerId,
    /// The `max_tokens` that the request may use.
    pub max_tokens: u64,
    pub amount: MicroUsd,
}

/// A limit that leaves too little for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetShortage {
    pub scope: BudgetScope,
    pub slug: String,
    pub task_key: String,
    pub budget: Budget,
    /// The least that the request needs.
    pub needed: MicroUsd,
}

impl BudgetShortage {
    /// Returns the command that raises the limit.
    pub(crate) fn extend_command(&self) -> String {
        match self.scope {
            BudgetScope::All => "eklavya budget set --all --limit N".to_owned(),
            BudgetScope::Project(_) => format!("eklavya budget set {} --limit N", self.slug),
            BudgetScope::Task(_) => {
                format!(
                    "eklavya budget set {} --task {} --limit N",
                    self.slug, self.task_key
                )
            }
            // The next agent has a limit of its own.
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

/// Shares of a project's limit whose crossing emits an event, in percent.
pub const THRESHOLDS: [i64; 3] = [50, 80, 100];

/// A threshold of a project's limit that was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetAlert {
    pub project_id: ProjectId,
    pub spent: MicroUsd,
    pub limit: MicroUsd,
    /// The threshold, one of [`THRESHOLDS`].
    pub percent: i64,
}

impl BudgetAlert {
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
    fn a_quote_rounds_up_and_never_exceeds_the_available_amount() {
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
    fn a_small_request_needs_money_for_its_own_tokens_only() {
        let small = PriceQuote {
            max_tokens: 10,
            ..quote()
        };
        assert_eq!(small.affordable_tokens(MicroUsd(102)), Some(10));
        assert_eq!(small.affordable_tokens(MicroUsd(101)), None);
    }
}
