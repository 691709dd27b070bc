//! One agent, from its admission on this machine to the end of its process.

use std::sync::Arc;

use serde_json::Value;

use super::launch::AgentLaunch;
use super::{admission, gateway, launch};
use crate::capacity::AgentPermit;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::tools;
use crate::workspace::checks::PlanChecks;
use crate::workspace::{clone, collect};
use eklavya_claude::cli::invocation::ConversationStart;
use eklavya_claude::mcp::ToolServer;
use eklavya_claude::session::outcome::{SessionEnd, SessionOutcome};
use eklavya_core::agent::{Agent, AgentEvent, AgentState};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::ids::{AgentId, SessionId};
use eklavya_core::task::{Task, TaskEvent};
use eklavya_gateway::{AgentDoor, DoorError};
use eklavya_sandbox::{DiskQuotaExceeded, WorkspaceDirs};
use eklavya_services::tasks::TaskUpdate;
use eklavya_services::{DataStore, agents, tasks};

/// An agent that is recorded as starting and has room on this machine.
pub(crate) struct AgentStart {
    pub agent: Agent,
    /// Running, by this agent.
    pub task: Task,
    /// Whether another agent began this attempt.
    resumes: bool,
    _permit: AgentPermit,
}

/// The directories of an agent, with its clone.
pub(crate) struct AgentWorkspace {
    dirs: WorkspaceDirs,
    /// Whether the CLI has recorded the conversation, so that it can be resumed.
    recorded: bool,
    /// The commit that the clone starts from.
    pub base: CommitId,
}

/// What an agent is given to work on.
pub(crate) struct AgentBrief {
    pub prompt: String,
    /// The JSON schema of the agent's answer.
    pub answer_schema: Option<Value>,
    /// The checks that the agent may run.
    pub checks: Option<Arc<PlanChecks>>,
}

/// The end of an agent's process.
pub(crate) struct DrivenAgent {
    outcome: SessionOutcome,
    problem: Option<DoorError>,
    disk_quota_exceeded: Option<DiskQuotaExceeded>,
}

#[derive(Debug)]
pub(crate) struct FinishedAgent {
    /// As recorded at the start.
    pub agent: Agent,
    /// Running, by this agent.
    pub task: Task,
    pub ended: SessionEnd,
    /// The last error that the gateway answered the agent with.
    pub problem: Option<DoorError>,
    /// Set if the agent was killed for it.
    pub disk_quota_exceeded: Option<DiskQuotaExceeded>,
}

/// Waits until this machine has room for another agent, and records the start of one.
pub(crate) async fn start_agent(run: &ProjectRun, task: Task) -> Result<AgentStart, EngineError> {
    // Fails before the wait if no model can answer.
    gateway::gateway_of(run).await?;
    let permit = admission::admit(run).await?;
    let (agent, task, resumes) = record_start(run, task).await?;
    Ok(AgentStart {
        agent,
        task,
        resumes,
        _permit: permit,
    })
}

/// Records the agent and that it works on the task, before anything else is done.
///
/// Returns whether it resumes an attempt that another agent began.
async fn record_start(run: &ProjectRun, task: Task) -> Result<(Agent, Task, bool), EngineError> {
    let site = &run.site;
    let session = task.session.unwrap_or_else(SessionId::random);
    let base = clone::choose_base(site, &task).await?;
    let earlier = agents::list(&site.data, Some(task.project)).await?;
    let resumes = earlier
        .iter()
        .any(|a| a.task == task.id && a.session == session && a.attempt == task.attempt);
    let agent = new_agent(run, &task, session);
    let mut change = site.data.begin(&AuditActor::System).await?;
    agents::spawn_in(&mut change, &agent, site.config.budget.agent).await?;
    let update = TaskUpdate {
        session: Some(Some(session)),
        base_commit: Some(base),
        ..TaskUpdate::default()
    };
    let event = TaskEvent::Start { agent: agent.id };
    let task = tasks::advance_in(&mut change, &task, &event, update).await?;
    change.commit().await?;
    Ok((agent, task, resumes))
}

fn new_agent(run: &ProjectRun, task: &Task, session: SessionId) -> Agent {
    let site = &run.site;
    Agent {
        id: AgentId::random(),
        project: task.project,
        task: task.id,
        role: task.role,
        state: AgentState::Starting,
        pid: None,
        process_start: None,
        host: run.identity.host.digest.clone(),
        working_dir: site.paths.session(session).to_string_lossy().into_owned(),
        session,
        attempt: task.attempt,
        sandboxed: site.is_sandboxed(),
        rehearsal: run.rehearsal.is_some(),
        model: site.config.model.model_for(task.role).to_owned(),
        worker: run.identity.name.clone(),
        fence: site.fence(),
        tokens_used: 0,
        last_heartbeat: site.data.now(),
        version: 1,
        created_at: site.data.now(),
    }
}

impl AgentStart {
    pub(crate) async fn prepare_workspace(
        &self,
        site: &Site,
    ) -> Result<AgentWorkspace, EngineError> {
        let base = collect::require_base(&self.task)?;
        site.ensure_lease_held().await?;
        let dirs = clone::prepare_session_dirs(site, self.agent.session)?;
        clone::ensure_clone(site, &self.task, &dirs, &base).await?;
        let recorded = clone::has_recorded_session(&dirs.home, self.agent.session);
        Ok(AgentWorkspace {
            dirs,
            recorded,
            base,
        })
    }

    /// Whether the agent resumes the conversation of an attempt that was interrupted.
    pub(crate) fn resumes_conversation(&self, workspace: &AgentWorkspace) -> bool {
        self.resumes && workspace.recorded
    }

    /// Opens the agent's door to the gateway, and runs its process to the end.
    pub(crate) async fn drive(
        &self,
        run: &ProjectRun,
        workspace: &AgentWorkspace,
        brief: AgentBrief,
    ) -> Result<DrivenAgent, EngineError> {
        let gateway = gateway::gateway_of(run).await?;
        let door = launch::open_door(&run.site, gateway, &self.agent, &self.task, &workspace.dirs)?;
        let driven = Box::pin(self.drive_behind(run, workspace, brief, &door)).await;
        let problem = door.last_error();
        door.close().await;
        let (outcome, disk_quota_exceeded) = driven?;
        Ok(DrivenAgent {
            outcome,
            problem,
            disk_quota_exceeded,
        })
    }

    async fn drive_behind(
        &self,
        run: &ProjectRun,
        workspace: &AgentWorkspace,
        brief: AgentBrief,
        door: &AgentDoor,
    ) -> Result<(SessionOutcome, Option<DiskQuotaExceeded>), EngineError> {
        let tools = self.build_tools(run, door, brief.checks).await?;
        let launch = AgentLaunch {
            site: &run.site,
            cli: &run.cli,
            agent: &self.agent,
            dirs: &workspace.dirs,
            door,
        };
        let conversation = self.conversation(workspace);
        let invocation =
            launch.build_invocation(conversation, tools.is_some(), brief.answer_schema)?;
        let driven = launch.drive(
            &run.stop,
            &run.note_tasks,
            invocation,
            brief.prompt,
            tools.clone(),
        );
        let outcome = Box::pin(driven).await;
        if let Some(tools) = tools {
            tools.close().await;
        }
        outcome
    }

    /// Returns `None` if the role has no tools of the orchestrator.
    async fn build_tools(
        &self,
        run: &ProjectRun,
        door: &AgentDoor,
        checks: Option<Arc<PlanChecks>>,
    ) -> Result<Option<Arc<dyn ToolServer>>, EngineError> {
        let subject = (&self.agent, &self.task);
        let toolbox =
            tools::build_toolbox(&run.site, &run.spawn_notify, subject, door, checks).await?;
        Ok((!toolbox.is_empty()).then(|| Arc::new(toolbox) as Arc<dyn ToolServer>))
    }

    fn conversation(&self, workspace: &AgentWorkspace) -> ConversationStart {
        if workspace.recorded {
            ConversationStart::Resume(self.agent.session)
        } else {
            ConversationStart::New(self.agent.session)
        }
    }

    /// Frees the agent's room. If it could not be run, records that it failed and that its task is
    /// pending again.
    pub(crate) async fn finish(
        self,
        data: &DataStore,
        driven: Result<DrivenAgent, EngineError>,
    ) -> Result<FinishedAgent, EngineError> {
        match driven {
            Ok(driven) => Ok(FinishedAgent {
                agent: self.agent,
                task: self.task,
                ended: driven.outcome.end,
                problem: driven.problem,
                disk_quota_exceeded: driven.disk_quota_exceeded,
            }),
            Err(error) => {
                self.record_failure(data, &error).await?;
                Err(error)
            }
        }
    }

    async fn record_failure(
        &self,
        data: &DataStore,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        let event = AgentEvent::Fail {
            reason: error.to_string(),
        };
        let mut change = data.begin(&AuditActor::System).await?;
        agents::advance_in(&mut change, self.agent.id, event, None).await?;
        let update = TaskUpdate::default();
        tasks::advance_in(&mut change, &self.task, &TaskEvent::Interrupt, update).await?;
        Ok(change.commit().await?)
    }
}

/// Returns the message of the commit with an agent's work: a title, its last text, and trailers.
pub(crate) fn commit_message(task: &Task, agent: &Agent, text: &str) -> String {
    let text: String = text.trim().chars().take(2000).collect();
    format!(
        "{}: {}\n\n{text}\n\nEklavya-Task: {}\nEklavya-Agent: {}\nEklavya-Role: {}\n",
        task.key, task.title, task.key, agent.id, agent.role
    )
}
