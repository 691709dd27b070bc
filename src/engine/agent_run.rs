//! One agent: written down, let in at its door, run to its end, and judged by how it ended.

use std::sync::Arc;

use super::checks::Checks;
use super::error::WorkflowError;
use super::worker::Worker;
use super::{admission, briefing, launch, tools, workspace};
use eklavya_claude::mcp::ToolServer;
use eklavya_claude::outcome::{Ended, Outcome};
use eklavya_core::domain::agent::{Agent, AgentEvent, AgentState};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::{AgentId, SessionId};
use eklavya_core::domain::task::{Task, TaskEvent};
use eklavya_gateway::{DoorProblem, Gateway};
use eklavya_sandbox::Outgrown;
use eklavya_services::tasks::TaskNote;
use eklavya_services::{agents, tasks};

/// A finished run.
#[derive(Debug)]
pub(super) struct Run {
    /// The agent as it was written down.
    pub agent: Agent,
    /// The task as it stands: running, by this agent.
    pub task: Task,
    /// How it ended.
    pub ended: Ended,
    /// What the gateway has to say about its requests.
    pub problem: Option<DoorProblem>,
    /// Of what it took too much, where it was killed for that.
    pub outgrown: Option<Outgrown>,
}

/// Runs an agent on a pending task, once there is room for it on the machine.
pub(super) async fn run(
    worker: &Arc<Worker>,
    task: Task,
    checks: Option<Arc<Checks>>,
) -> Result<Run, WorkflowError> {
    let gateway = worker.gateway().await?;
    let _room = admission::admit(worker).await?;
    let (agent, task, resumes) = begin(worker, task).await?;
    let ran = Box::pin(run_begun(worker, gateway, &agent, &task, resumes, checks));
    match ran.await {
        Ok((outcome, problem, outgrown)) => Ok(Run {
            agent,
            task,
            ended: outcome.ended,
            problem,
            outgrown,
        }),
        Err(error) => {
            let event = AgentEvent::Fail {
                reason: error.to_string(),
            };
            let mut change = worker.site.desk.change(&Actor::System).await?;
            agents::advance_in(&mut change, agent.id, event, None).await?;
            let note = TaskNote::default();
            tasks::advance_in(&mut change, &task, &TaskEvent::Interrupt, note).await?;
            change.commit().await?;
            Err(error)
        }
    }
}

/// Writes down the agent and that it has the task, before anything is done about it.
///
/// Returns whether it goes on with an attempt that another agent began.
async fn begin(worker: &Worker, task: Task) -> Result<(Agent, Task, bool), WorkflowError> {
    let session = task.session.unwrap_or_else(SessionId::random);
    let base = match &task.base_commit {
        Some(base) if task.session.is_some() => base.clone(),
        Some(_) | None => worker.site.main().await?,
    };
    let earlier = agents::list(&worker.site.desk, Some(task.project)).await?;
    let resumes = earlier
        .iter()
        .any(|a| a.task == task.id && a.session == session && a.attempt == task.attempt);
    let agent = Agent {
        id: AgentId::random(),
        project: task.project,
        task: task.id,
        role: task.role,
        state: AgentState::Starting,
        pid: None,
        process_start: None,
        host: worker.identity.host.digest.clone(),
        working_dir: worker
            .site
            .paths
            .session(session)
            .to_string_lossy()
            .into_owned(),
        session,
        attempt: task.attempt,
        sandboxed: worker.site.is_sandboxed(),
        rehearsal: worker.rehearsal.is_some(),
        model: worker.site.config.model.of(task.role).to_owned(),
        worker: worker.identity.name.clone(),
        fence: worker.site.fence(),
        tokens_used: 0,
        last_heartbeat: worker.site.desk.now(),
        version: 1,
        created_at: worker.site.desk.now(),
    };
    let mut change = worker.site.desk.change(&Actor::System).await?;
    agents::spawn_in(&mut change, &agent, worker.site.config.budget.agent).await?;
    let note = TaskNote {
        session: Some(Some(session)),
        base_commit: Some(base),
        ..TaskNote::default()
    };
    let event = TaskEvent::Start { agent: agent.id };
    let task = tasks::advance_in(&mut change, &task, &event, note).await?;
    change.commit().await?;
    Ok((agent, task, resumes))
}

async fn run_begun(
    worker: &Arc<Worker>,
    gateway: &Gateway,
    agent: &Agent,
    task: &Task,
    resumes: bool,
    checks: Option<Arc<Checks>>,
) -> Result<(Outcome, Option<DoorProblem>, Option<Outgrown>), WorkflowError> {
    let base = task.base_commit.clone().ok_or_else(|| {
        WorkflowError::Failed(format!("task {} has no commit to start from", task.key))
    })?;
    worker.site.firm().await?;
    let dirs = workspace::prepare(worker, agent.session)?;
    workspace::ensure_clone(worker, task, &dirs, &base).await?;
    let recorded = workspace::is_recorded(&dirs.home, agent.session);
    let prompt = if resumes && recorded {
        briefing::resume("the run was interrupted")?
    } else {
        briefing::prompt(worker, task, &base).await?
    };
    let door = launch::open_door(worker, gateway, agent, task, &dirs)?;
    let toolbox = tools::of(worker, (agent, task), &door, checks).await?;
    let tools: Option<Arc<dyn ToolServer>> =
        (!toolbox.is_empty()).then(|| Arc::new(toolbox) as Arc<dyn ToolServer>);
    let invocation =
        launch::invocation(worker, agent, task, &dirs, &door, recorded, tools.is_some())?;
    let held = tools.clone();
    let driven = launch::drive_agent(worker, agent, &dirs, invocation, &door, prompt, tools);
    let outcome = Box::pin(driven).await;
    if let Some(tools) = held {
        tools.close().await;
    }
    let problem = door.problem();
    door.close().await;
    let (outcome, outgrown) = outcome?;
    Ok((outcome, problem, outgrown))
}

/// Returns a commit's worth of an agent's last words: a title line and what it said.
pub(super) fn message(task: &Task, agent: &Agent, said: &str) -> String {
    let said: String = said.trim().chars().take(2000).collect();
    format!(
        "{}: {}\n\n{said}\n\nEklavya-Task: {}\nEklavya-Agent: {}\nEklavya-Role: {}\n",
        task.key, task.title, task.key, agent.id, agent.role
    )
}
