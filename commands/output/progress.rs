//! Progress: on a terminal one line for each agent, elsewhere one message for each piece of news.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use eklavya_core::domain::event::Event;
use eklavya_core::domain::ids::{AgentId, ProjectId};
use eklavya_core::domain::money::MicroUsd;
use eklavya_services::Desk;
use eklavya_services::bus::{Heard, Listener};
use eklavya_store::budgets::{self, Scope};
use eklavya_store::{Store, StoreError};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Printer;
use super::escape::cell;

const TICK: Duration = Duration::from_millis(120);
/// How often the costs are looked up.
const LOOK: Duration = Duration::from_secs(1);

/// Shows the news of a project until it is finished.
#[derive(Debug)]
pub struct Progress {
    done: CancellationToken,
    shown: JoinHandle<()>,
}

impl Progress {
    /// Shows the news of `project` from now on. Must be called within the runtime.
    pub fn of(printer: &Printer, desk: &Desk, project: ProjectId) -> Self {
        let screen = Screen {
            printer: printer.clone(),
            drawn: io::stderr().is_terminal() && !printer.is_quiet(),
            agents: BTreeMap::new(),
            store: desk.store.clone(),
        };
        let done = CancellationToken::new();
        let shown = screen.follow(desk.bus.subscribe(), project, done.clone());
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

struct Screen {
    printer: Printer,
    /// Whether lines are drawn; else each piece of news is a message.
    drawn: bool,
    agents: BTreeMap<AgentId, Line>,
    store: Store,
}

/// An agent at work.
struct Line {
    role: String,
    task: String,
    bar: Option<ProgressBar>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Screen {
    async fn follow(mut self, mut news: Listener, project: ProjectId, done: CancellationToken) {
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
                Some(Heard::News(news)) if news.project == Some(project) => self.show(news.event),
                // What was missed is in the database; the lines are only a picture of it.
                Some(Heard::News(_) | Heard::Gap) => {}
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
                let line = self.line(agent_type.to_string());
                self.agents.insert(agent_id, line);
            }
            Event::AgentWorking {
                agent_id,
                description,
                ..
            } => self.works(agent_id, &description),
            Event::AgentCompleted {
                agent_id, result, ..
            } => self.ended(agent_id, &result),
            Event::AgentBlocked {
                reason,
                needs_admin,
                ..
            } => {
                let word = if needs_admin { "Blocked" } else { "Waiting" };
                self.say(&format!("{word}: {reason}"));
            }
            Event::DemoReady {
                demo_number,
                preview_url,
                ..
            } => {
                self.say(&format!("Demo {demo_number} is ready: {preview_url}"));
            }
            Event::BudgetWarning {
                spent,
                limit,
                percent,
                ..
            } => {
                self.say(&format!(
                    "Budget: {percent} % is used, ${spent} of ${limit}"
                ));
            }
            Event::BudgetExceeded { spent, limit, .. } => {
                self.say(&format!("Budget: used up, ${spent} of ${limit}"));
            }
            // A notification tells of what is shown already.
            Event::Notification { .. }
            | Event::ProjectCreated { .. }
            | Event::ProjectStatus { .. }
            | Event::DemoApproved { .. } => {}
        }
    }

    fn line(&self, role: String) -> Line {
        let bar = self.drawn.then(|| {
            let bar = self.printer.bars().add(ProgressBar::new_spinner());
            bar.set_style(style());
            bar.set_prefix(role.clone());
            bar.enable_steady_tick(TICK);
            bar
        });
        Line {
            role,
            task: String::new(),
            bar,
        }
    }

    fn works(&mut self, agent: AgentId, task: &str) {
        let Some(line) = self.agents.get_mut(&agent) else {
            return;
        };
        task.clone_into(&mut line.task);
        match &line.bar {
            Some(bar) => bar.set_message(cell(task)),
            None => self
                .printer
                .note(&format!("{} {}: {}", line.role, agent.short(), cell(task))),
        }
    }

    fn ended(&mut self, agent: AgentId, result: &str) {
        if let Some(line) = self.agents.remove(&agent) {
            let message = format!(
                "{} {} {result}: {}",
                line.role,
                agent.short(),
                cell(&line.task)
            );
            // Its line goes before the message comes.
            drop(line);
            self.say(&message);
        }
    }

    /// What an agent costs is no news; it is looked up while somebody sees it.
    async fn show_costs(&self) {
        for (agent, line) in &self.agents {
            let Some(bar) = &line.bar else {
                continue;
            };
            match self.spent(*agent).await {
                Ok(spent) => bar.set_message(format!("${spent}  {}", cell(&line.task))),
                Err(error) => tracing::debug!(%error, "the cost of an agent cannot be shown"),
            }
        }
    }

    async fn spent(&self, agent: AgentId) -> Result<MicroUsd, StoreError> {
        let mut tx = self.store.read().await?;
        Ok(budgets::find(&mut tx, Scope::Agent(agent)).await?.spent)
    }

    fn say(&self, message: &str) {
        self.printer.note(message);
    }
}

fn style() -> ProgressStyle {
    let template = "{spinner} {prefix:12} {elapsed:>4}  {wide_msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
