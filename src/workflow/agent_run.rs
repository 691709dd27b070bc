//! One agent: written down, let in at its door, run to its end, and judged by how it ended.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::checks::Checks;
use super::error::WorkflowError;
use super::tools::{CheckTool, TestTool};
use super::worker::Worker;
use super::{briefing, workspace};
use crate::claude::activity::Activity;
use crate::claude::invocation::{
    BASH_MAX_TIMEOUT_MS, Confinement, Conversation, Invocation, InvocationSpec,
};
use crate::claude::outcome::{Ended, Outcome};
use crate::claude::schema;
use crate::claude::session::{Control, KillTree, SessionSpec, drive};
use crate::claude::stream::StreamEvent;
use crate::domain::agent::{Agent, AgentEvent, AgentState};
use crate::domain::audit::Actor;
use crate::domain::ids::{AgentId, SessionId};
use crate::domain::task::{Task, TaskEvent, TaskKind};
use crate::gateway::{Door, DoorProblem, DoorSpec, Gateway};
use crate::mcp::ToolServer;
use crate::sandbox::policy::{GitAccess, Terminal, policy};
use crate::sandbox::{Dirs, Inner, Profile, Spec, kill_all};
use crate::services::agents::Action;
use crate::services::tasks::TaskNote;
use crate::services::{agents, plans, tasks};

/// How often signs of life are written down while an agent runs.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Events that may wait to be written down.
const EVENT_BACKLOG: usize = 256;

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
}

/// Runs an agent on a pending task.
pub(super) async fn run(
    worker: &Arc<Worker>,
    task: Task,
    checks: Option<Arc<Checks>>,
) -> Result<Run, WorkflowError> {
    let gateway = worker.gateway().await?;
    let (agent, task, resumes) = begin(worker, task).await?;
    match run_begun(worker, gateway, &agent, &task, resumes, checks).await {
        Ok((outcome, problem)) => Ok(Run {
            agent,
            task,
            ended: outcome.ended,
            problem,
        }),
        Err(error) => {
            let event = AgentEvent::Fail {
                reason: error.to_string(),
            };
            agents::advance(&worker.site.desk, &Actor::System, agent.id, event, None).await?;
            tasks::advance(
                &worker.site.desk,
                &Actor::System,
                &task,
                TaskEvent::Interrupt,
                TaskNote::default(),
            )
            .await?;
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
) -> Result<(Outcome, Option<DoorProblem>), WorkflowError> {
    let base = task.base_commit.clone().ok_or_else(|| {
        WorkflowError::Failed(format!("task {} has no commit to start from", task.key))
    })?;
    let dirs = workspace::prepare(worker, agent.session)?;
    workspace::ensure_clone(worker, task, &dirs, &base).await?;
    let recorded = workspace::is_recorded(&dirs.home, agent.session);
    let prompt = if resumes && recorded {
        briefing::resume("the run was interrupted")?
    } else {
        briefing::prompt(worker, task, &base).await?
    };
    let tools = tool_server(worker, agent, task, checks).await?;
    let door = open_door(worker, gateway, agent, task, &dirs)?;
    let invocation = invocation(worker, agent, task, &dirs, &door, recorded, tools.is_some())?;
    let outcome = drive_agent(worker, agent, &dirs, invocation, &door, prompt, tools).await;
    let problem = door.problem();
    door.close().await;
    Ok((outcome?, problem))
}

async fn tool_server(
    worker: &Arc<Worker>,
    agent: &Agent,
    task: &Task,
    checks: Option<Arc<Checks>>,
) -> Result<Option<Arc<dyn ToolServer>>, WorkflowError> {
    if let Some(checks) = checks {
        return Ok(Some(Arc::new(CheckTool {
            worker: Arc::downgrade(worker),
            checks,
        })));
    }
    if policy(task.role).terminal != Terminal::TestCommand || !task.kind.is_built() {
        return Ok(None);
    }
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    Ok(Some(Arc::new(TestTool {
        worker: Arc::downgrade(worker),
        agent: agent.clone(),
        task: task.clone(),
        command: plan.test_command,
    })))
}

fn open_door(
    worker: &Worker,
    gateway: &Gateway,
    agent: &Agent,
    task: &Task,
    dirs: &Dirs,
) -> Result<Door, WorkflowError> {
    let demo = task
        .key
        .strip_prefix("demo-")
        .unwrap_or_default()
        .to_owned();
    let variables = [
        ("project".to_owned(), worker.site.project().name.clone()),
        ("demo".to_owned(), demo),
        (
            "clone".to_owned(),
            dirs.clone.to_string_lossy().into_owned(),
        ),
    ];
    gateway
        .open_door(DoorSpec {
            project: agent.project,
            slug: worker.site.project().slug.clone(),
            task: task.id,
            task_key: task.key.clone(),
            agent: agent.id,
            role: agent.role,
            attempt: agent.attempt,
            socket_dir: dirs.door.clone(),
            owner: worker.site.user.map(|user| (user.uid, user.gid)),
            variables: variables.into_iter().collect(),
        })
        .map_err(|error| WorkflowError::Failed(error.to_string()))
}

fn invocation(
    worker: &Worker,
    agent: &Agent,
    task: &Task,
    dirs: &Dirs,
    door: &Door,
    recorded: bool,
    tools: bool,
) -> Result<Invocation, WorkflowError> {
    let role = policy(agent.role);
    let instructions = briefing::instructions(worker, agent.role, &dirs.clone.to_string_lossy())?;
    let spec = InvocationSpec {
        program: worker.cli.program.clone(),
        workspace: dirs.clone.clone(),
        home: dirs.home.clone(),
        tmp: dirs.tmp.clone(),
        path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
        token: door.token().expose_secret().to_owned(),
        model: Some(agent.model.clone()),
        tools: role.tools().into_iter().map(str::to_owned).collect(),
        allowed: role.allowed_tools(),
        denied: if role.git == GitAccess::No {
            vec!["Read(.git/**)".to_owned()]
        } else {
            Vec::new()
        },
        orchestrator_tools: tools,
        schema: match task.kind {
            TaskKind::Architecture => Some(schema::plan_schema().clone()),
            TaskKind::Verify => Some(schema::verdict_schema().clone()),
            TaskKind::Requirements | TaskKind::Demo | TaskKind::Build | TaskKind::Fix => None,
        },
        conversation: if recorded {
            Conversation::Resume(agent.session)
        } else {
            Conversation::New(agent.session)
        },
        max_turns: u32::try_from(worker.site.config.agents.max_turns).ok(),
        max_output_tokens: u32::try_from(worker.site.config.model.max_output_tokens).ok(),
        instructions,
        confinement: if worker.site.is_sandboxed() {
            Confinement::Sandbox
        } else {
            Confinement::None
        },
        extra_env: shell_limits(worker.site.config.agents.silence),
    };
    Ok(spec.build())
}

/// A shell command that runs long is silent: it must end before its silence ends the agent.
fn shell_limits(silence: Duration) -> BTreeMap<String, String> {
    let longest = silence
        .mul_f64(0.75)
        .as_millis()
        .min(u128::from(BASH_MAX_TIMEOUT_MS));
    ["BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_TIMEOUT_MS"]
        .map(|name| (name.to_owned(), longest.to_string()))
        .into()
}

async fn drive_agent(
    worker: &Arc<Worker>,
    agent: &Agent,
    dirs: &Dirs,
    invocation: Invocation,
    door: &Door,
    prompt: String,
    tools: Option<Arc<dyn ToolServer>>,
) -> Result<Outcome, WorkflowError> {
    let mut spec = Spec::new(Profile::Agent(agent.role), dirs);
    spec.tmp_bytes = worker.site.config.sandbox.tmp_bytes;
    spec.door = Some(dirs.door.clone());
    spec.tool_binaries = vec![worker.cli.program.clone()];
    spec.user = worker.site.user;
    let inner = Inner {
        program: invocation.program.into(),
        args: invocation.args.into_iter().map(Into::into).collect(),
        env: invocation
            .env
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect(),
        cwd: Some(invocation.cwd),
    };
    let command = worker.site.sandbox.command(&spec, inner)?;
    let (events, heard) = mpsc::channel(EVENT_BACKLOG);
    let (control, controlled) = mpsc::channel(2);
    let (started, process) = tokio::sync::oneshot::channel();
    let activity = Activity {
        last: door.activity_cell(),
        ..Activity::default()
    };
    let kill: KillTree = Arc::new(kill_all);
    let session = SessionSpec {
        prompt,
        tools,
        transcript: transcript(worker, agent)?,
        silence: worker.site.config.agents.silence,
        grace: worker.site.config.agents.grace,
        activity: activity.clone(),
        clock: Arc::clone(&worker.site.desk.clock),
        kill,
        started: Some(started),
    };
    let watching = async {
        tokio::join!(
            note_process(worker, agent, process),
            watch_door(worker, agent, door, &activity),
            pass_on_stops(worker, control),
        )
    };
    // The watchers never end by themselves.
    let driving = async {
        tokio::select! {
            outcome = drive(command, session, events, controlled) => Some(outcome),
            _ = watching => None,
        }
    };
    // What was heard is noted to the last word: the channel closes when the driving ends.
    let (outcome, ()) = tokio::join!(driving, note_actions(worker, agent, heard));
    match outcome {
        Some(outcome) => Ok(outcome?),
        None => Err(WorkflowError::Failed(
            "the agent's watchers ended".to_owned(),
        )),
    }
}

fn transcript(worker: &Worker, agent: &Agent) -> Result<PathBuf, WorkflowError> {
    let path = worker.site.paths.transcript(agent.id);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(WorkflowError::io(parent))?;
    }
    Ok(path)
}

async fn note_process(
    worker: &Worker,
    agent: &Agent,
    process: tokio::sync::oneshot::Receiver<u32>,
) {
    let Ok(pid) = process.await else { return };
    let noted = agents::advance(
        &worker.site.desk,
        &Actor::System,
        agent.id,
        AgentEvent::Spawn,
        Some(pid),
    )
    .await;
    if let Err(error) = noted {
        tracing::warn!(
            "agent {} could not be noted as running: {error}",
            agent.id.short()
        );
    }
}

/// Writes each tool call and denial to the audit trail, in batches.
async fn note_actions(worker: &Worker, agent: &Agent, mut heard: mpsc::Receiver<StreamEvent>) {
    let mut batch = Vec::new();
    while heard.recv_many(&mut batch, EVENT_BACKLOG).await > 0 {
        let actions: Vec<Action> = batch.drain(..).filter_map(action).collect();
        if actions.is_empty() {
            continue;
        }
        if let Err(error) = agents::note(&worker.site.desk, agent.project, agent.id, actions).await
        {
            tracing::warn!(
                "actions of agent {} could not be noted: {error}",
                agent.id.short()
            );
        }
    }
}

/// The most characters of a tool's arguments that the audit trail keeps; the transcript has all.
const ARGUMENT_CHARS: usize = 400;

fn action(event: StreamEvent) -> Option<Action> {
    match event {
        StreamEvent::ToolUse { id, name, input } => Some(Action {
            action: "agent.tool",
            details: json!({ "call": id, "tool": name, "input": shortened(&input) }),
        }),
        StreamEvent::ToolResult {
            id,
            is_error,
            denied,
            ..
        } => Some(Action {
            action: if denied {
                "agent.denied"
            } else {
                "agent.toolResult"
            },
            details: json!({ "call": id, "isError": is_error }),
        }),
        _ => None,
    }
}

fn shortened(input: &Value) -> String {
    input.to_string().chars().take(ARGUMENT_CHARS).collect()
}

/// Writes down signs of life, and excuses the silence of an agent whose request is held back.
async fn watch_door(worker: &Worker, agent: &Agent, door: &Door, activity: &Activity) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        activity.set_parked(door.parked().is_some());
        let last = activity.last();
        if last != seen {
            seen = last;
            if let Err(error) = agents::beat(&worker.site.desk, agent.id).await {
                tracing::warn!("a heartbeat could not be noted: {error}");
            }
        }
    }
}

async fn pass_on_stops(worker: &Worker, control: mpsc::Sender<Control>) {
    worker.stop.soft_requested().await;
    let _ = control.send(Control::Interrupt).await;
    worker.stop.hard_requested().await;
    let _ = control.send(Control::Kill).await;
    std::future::pending::<()>().await;
}

/// Returns a commit's worth of an agent's last words: a title line and what it said.
pub(super) fn message(task: &Task, agent: &Agent, said: &str) -> String {
    let said: String = said.trim().chars().take(2000).collect();
    format!(
        "{}: {}\n\n{said}\n\nEklavya-Task: {}\nEklavya-Agent: {}\nEklavya-Role: {}\n",
        task.key, task.title, task.key, agent.id, agent.role
    )
}
