//! Progress: one line per agent on a terminal, otherwise one message per event.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use eklavya_core::event::Event;
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::money::MicroUsd;
use eklavya_services::DataStore;
use eklavya_services::bus::{BusListener, BusSignal};
use eklavya_store::budgets::{self, Scope};
use eklavya_store::{Store, StoreError};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::OutputPrinter;
use super::escape::escape_cell;
use super::state_words;

const TICK: Duration = Duration::from_millis(120);
/// Pause between two reads of the costs.
const COST_INTERVAL: Duration = Duration::from_secs(1);

/// Shows the events of a project until [`ProgressDisplay::finish`].
#[derive(Debug)]
pub struct ProgressDisplay {
    done: CancellationToken,
    shown: JoinHandle<()>,
}

impl ProgressDisplay {
    /// Shows the events of `project` from now on. Must be called within the runtime.
    pub fn of(printer: &OutputPrinter, data: &DataStore, project: ProjectId) -> Self {
        let screen = ProgressScreen {
            printer: printer.clone(),
            drawn: io::stderr().is_terminal() && !printer.is_quiet(),
            agents: BTreeMap::new(),
            store: data.store.clone(),
        };
        let done = CancellationToken::new();
        let shown = screen.follow(data.bus.subscribe(), project, done.clone());
        Self {
            done,
            shown: tokio::spawn(shown),
        }
    }

    /// Shows the remaining events, and clears the lines.
    pub async fn finish(self) {
        self.done.cancel();
        if let Err(error) = self.shown.await {
            tracing::error!(%error, "cannot show the progress");
        }
    }
}

struct ProgressScreen {
    printer: OutputPrinter,
    /// Whether lines are drawn; otherwise each event is a message.
    drawn: bool,
    agents: BTreeMap<AgentId, AgentProgressLine>,
    store: Store,
}

/// The line of a running agent.
struct AgentProgressLine {
    role: String,
    task: String,
    bar: Option<ProgressBar>,
}

impl Drop for AgentProgressLine {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl ProgressScreen {
    async fn follow(
        mut self,
        mut signals: BusListener,
        project: ProjectId,
        done: CancellationToken,
    ) {
        let mut cost_timer = tokio::time::interval(COST_INTERVAL);
        cost_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let signal = tokio::select! {
                biased;
                signal = signals.next() => signal,
                () = done.cancelled() => return,
                _ = cost_timer.tick() => {
                    self.show_costs().await;
                    continue;
                }
            };
            match signal {
                Some(BusSignal::Event(envelope)) if envelope.project == Some(project) => {
                    self.show(envelope.event);
                }
                // Missed events are in the database; the display may skip them.
                Some(BusSignal::Event(_) | BusSignal::Gap) => {}
                None => return,
            }
        }
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::AgentSpawned {
                agent_id,
                agent_type,
                ..
            } => {
                let line = self.new_line(agent_type.to_string());
                self.agents.insert(agent_id, line);
            }
            Event::AgentWorking {
                agent_id,
                description,
                ..
            } => self.show_working(agent_id, &description),
            Event::AgentCompleted {
                agent_id, result, ..
            } => self.show_ended(agent_id, &result),
            Event::AgentBlocked {
                reason,
                needs_admin,
                ..
            } => {
                let word = if needs_admin { "Blocked" } else { "Waiting" };
                self.write_message(&format!("{word}: {reason}"));
            }
            Event::DemoReady {
                demo_number,
                preview_url,
                ..
            } => {
                self.write_message(&format!("Demo {demo_number} is ready: {preview_url}"));
            }
            Event::BudgetWarning {
                spent,
                limit,
                percent,
                ..
            } => {
                self.write_message(&format!("Budget: {percent} % used, ${spent} of ${limit}"));
            }
            Event::BudgetExceeded { spent, limit, .. } => {
                self.write_message(&format!("Budget exceeded: ${spent} of ${limit}"));
            }
            // A notification repeats what another event shows.
            Event::Notification { .. }
            | Event::ProjectCreated { .. }
            | Event::ProjectStatus { .. }
            | Event::DemoApproved { .. } => {}
        }
    }

    fn new_line(&self, role: String) -> AgentProgressLine {
        let bar = self.drawn.then(|| {
            let bar = self.printer.bars().add(ProgressBar::new_spinner());
            bar.set_style(bar_style());
            bar.set_prefix(role.clone());
            bar.enable_steady_tick(TICK);
            bar
        });
        AgentProgressLine {
            role,
            task: String::new(),
            bar,
        }
    }

    fn show_working(&mut self, agent: AgentId, task: &str) {
        let Some(line) = self.agents.get_mut(&agent) else {
            return;
        };
        task.clone_into(&mut line.task);
        match &line.bar {
            Some(bar) => bar.set_message(escape_cell(task)),
            None => self.printer.note(&format!(
                "{} {}: {}",
                line.role,
                agent.short(),
                escape_cell(task)
            )),
        }
    }

    fn show_ended(&mut self, agent: AgentId, result: &str) {
        if let Some(line) = self.agents.remove(&agent) {
            let message = format!(
                "{} {} {}: {}",
                line.role,
                agent.short(),
                state_words(result),
                escape_cell(&line.task)
            );
            // Removes the line of the agent before the message.
            drop(line);
            self.write_message(&message);
        }
    }

    /// Costs are not events: they are read while the lines are drawn.
    async fn show_costs(&self) {
        for (agent, line) in &self.agents {
            let Some(bar) = &line.bar else {
                continue;
            };
            match self.agent_spend(*agent).await {
                Ok(spent) => bar.set_message(format!("${spent}  {}", escape_cell(&line.task))),
                Err(error) => tracing::debug!(%error, "cannot read the cost of an agent"),
            }
        }
    }

    async fn agent_spend(&self, agent: AgentId) -> Result<MicroUsd, StoreError> {
        let mut tx = self.store.begin_read().await?;
        Ok(budgets::find(&mut tx, Scope::Agent(agent)).await?.spent)
    }

    fn write_message(&self, message: &str) {
        self.printer.note(message);
    }
}

fn bar_style() -> ProgressStyle {
    let template = "{spinner} {prefix:12} {elapsed:>4}  {wide_msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
