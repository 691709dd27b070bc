//! Progress: on a terminal one line for each agent, elsewhere one message for each piece of news.

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

const TICK: Duration = Duration::from_millis(120);
/// How often the costs are looked up.
const LOOK: Duration = Duration::from_secs(1);

/// Shows the news of a project until it is finished.
#[derive(Debug)]
pub struct ProgressDisplay {
    done: CancellationToken,
    shown: JoinHandle<()>,
}

impl ProgressDisplay {
    /// Shows the news of `project` from now on. Must be called within the runtime.
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

    /// Shows what is still to be shown, and clears the lines.
    pub async fn finish(self) {
        self.done.cancel();
        if let Err(error) = self.shown.await {
            tracing::error!(%error, "the progress could not be shown");
        }
    }
}

struct ProgressScreen {
    printer: OutputPrinter,
    /// Whether lines are drawn; else each piece of news is a message.
    drawn: bool,
    agents: BTreeMap<AgentId, AgentProgressLine>,
    store: Store,
}

/// An agent at work.
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
    async fn follow(mut self, mut news: BusListener, project: ProjectId, done: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let piece = tokio::select! {
                biased;
                piece = news.next() => piece,
                () = done.cancelled() => return,
                _ = look.tick() => {
                    self.show_costs().await;
                    continue;
                }
            };
            match piece {
                Some(BusSignal::Event(news)) if news.project == Some(project) => {
                    self.show(news.event);
                }
                // What was missed is in the database; the lines are only a picture of it.
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
                self.write_message(&format!(
                    "Budget: {percent} % is used, ${spent} of ${limit}"
                ));
            }
            Event::BudgetExceeded { spent, limit, .. } => {
                self.write_message(&format!("Budget: used up, ${spent} of ${limit}"));
            }
            // A notification tells of what is shown already.
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
                "{} {} {result}: {}",
                line.role,
                agent.short(),
                escape_cell(&line.task)
            );
            // Its line goes before the message comes.
            drop(line);
            self.write_message(&message);
        }
    }

    /// What an agent costs is no news; it is looked up while somebody sees it.
    async fn show_costs(&self) {
        for (agent, line) in &self.agents {
            let Some(bar) = &line.bar else {
                continue;
            };
            match self.agent_spend(*agent).await {
                Ok(spent) => bar.set_message(format!("${spent}  {}", escape_cell(&line.task))),
                Err(error) => tracing::debug!(%error, "the cost of an agent cannot be shown"),
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
