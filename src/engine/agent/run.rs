//! One agent: written down, let in at its door, run to its end, and judged by how it ended.

use std::sync::Arc;

use super::{admission, gateway, launch};
use crate::agent::prompt;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::tools;
use crate::workspace::checks::PlanChecks;
use crate::workspace::clone;
use eklavya_claude::mcp::ToolServer;
use eklavya_claude::session::outcome::{SessionEnd, SessionOutcome};
use eklavya_core::agent::{Agent, AgentEvent, AgentState};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::{AgentId, SessionId};
use eklavya_core::task::{Task, TaskEvent};
use eklavya_gateway::{DoorError, Gateway};
use eklavya_sandbox::DiskQuotaExceeded;
use eklavya_services::tasks::TaskUpdate;
use eklavya_services::{agents, tasks};

/// A finished run.
#[derive(Debug)]
pub(crate) struct FinishedAgent {
    /// The agent as it was written down.
    pub agent: Agent,
    /// The task as it stands: running, by this agent.
    pub task: Task,
    /// How it ended.
    pub ended: SessionEnd,
    /// What the gateway has to say about its requests.
    pub problem: Option<DoorError>,
    /// Of what it took too much, where it was killed for that.
    pub disk_quota_exceeded: Option<DiskQuotaExceeded>,
}

/// Runs an agent on a pending task, once there is room for it on the machine.
pub(crate) async fn run_agent(
    worker: &Arc<ProjectRun>,
    task: Task,
    checks: Option<Arc<PlanChecks>>,
) -> Result<FinishedAgent, EngineError> {
    let gateway = gateway::gateway_of(worker).await?;
    let _room = admission::admit(worker).await?;
    let (agent, task, resumes) = record_start(worker, task).await?;
    let ran = Box::pin(run_started_agent(
        worker, gateway, &agent, &task, resumes, checks,
    ));
    match ran.await {
        Ok((outcome, problem, outgrown)) => Ok(FinishedAgent {
            agent,
            task,
            ended: outcome.end,
            problem,
            disk_quota_exceeded: outgrown,
        }),
        Err(error) => {
            let event = AgentEvent::Fail {
                reason: error.to_string(),
            };
            let mut change = worker.site.data.begin(&AuditActor::System).await?;
            agents::advance_in(&mut change, agent.id, event, None).await?;
            let note = TaskUpdate::default();
            tasks::advance_in(&mut change, &task, &TaskEvent::Interrupt, note).await?;
            change.commit().await?;
            Err(error)
        }
    }
}

/// Writes down the agent and that it has the task, before anything is done about it.
///
/// Returns whether it goes on with an attempt that another agent began.
async fn record_start(worker: &ProjectRun, task: Task) -> Result<(Agent, Task, bool), EngineError> {
    let session = task.session.unwrap_or_else(SessionId::random);
    let base = match &task.base_commit {
        Some(base) if task.session.is_some() => base.clone(),
        Some(_) | None => worker.site.main_commit().await?,
    };
    let earlier = agents::list(&worker.site.data, Some(task.project)).await?;
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
        model: worker.site.config.model.model_for(task.role).to_owned(),
        worker: worker.identity.name.clone(),
        fence: worker.site.fence(),
        tokens_used: 0,
        last_heartbeat: worker.site.data.now(),
        version: 1,
        created_at: worker.site.data.now(),
    };
    let mut change = worker.site.data.begin(&AuditActor::System).await?;
    agents::spawn_in(&mut change, &agent, worker.site.config.budget.agent).await?;
    let note = TaskUpdate {
        session: Some(Some(session)),
        base_commit: Some(base),
        ..TaskUpdate::default()
    };
    let event = TaskEvent::Start { agent: agent.id };
    let task = tasks::advance_in(&mut change, &task, &event, note).await?;
    change.commit().await?;
    Ok((agent, task, resumes))
}

async fn run_started_agent(
    worker: &Arc<ProjectRun>,
    gateway: &Gateway,
    agent: &Agent,
    task: &Task,
    resumes: bool,
    checks: Option<Arc<PlanChecks>>,
) -> Result<(SessionOutcome, Option<DoorError>, Option<DiskQuotaExceeded>), EngineError> {
    let base = task.base_commit.clone().ok_or_else(|| {
        EngineError::Failed(format!("task {} has no commit to start from", task.key))
    })?;
    worker.site.ensure_lease_held().await?;
    let dirs = clone::prepare_session_dirs(worker, agent.session)?;
    clone::ensure_clone(worker, task, &dirs, &base).await?;
    let recorded = clone::has_recorded_session(&dirs.home, agent.session);
    let prompt = if resumes && recorded {
        prompt::render_resume_prompt("the run was interrupted")?
    } else {
        prompt::render_task_prompt(worker, task, &base).await?
    };
    let door = launch::open_door(worker, gateway, agent, task, &dirs)?;
    let toolbox = tools::build_toolbox(worker, (agent, task), &door, checks).await?;
    let tools: Option<Arc<dyn ToolServer>> =
        (!toolbox.is_empty()).then(|| Arc::new(toolbox) as Arc<dyn ToolServer>);
    let invocation =
        launch::build_invocation(worker, agent, task, &dirs, &door, recorded, tools.is_some())?;
    let held = tools.clone();
    let driven = launch::drive_agent(worker, agent, &dirs, invocation, &door, prompt, tools);
    let outcome = Box::pin(driven).await;
    if let Some(tools) = held {
        tools.close().await;
    }
    let problem = door.last_error();
    door.close().await;
    let (outcome, outgrown) = outcome?;
    Ok((outcome, problem, outgrown))
}

/// Returns a commit's worth of an agent's last words: a title line and what it said.
pub(crate) fn commit_message(task: &Task, agent: &Agent, said: &str) -> String {
    let said: String = said.trim().chars().take(2000).collect();
    format!(
        "{}: {}\n\n{said}\n\nEklavya-Task: {}\nEklavya-Agent: {}\nEklavya-Role: {}\n",
        task.key, task.title, task.key, agent.id, agent.role
    )
}
