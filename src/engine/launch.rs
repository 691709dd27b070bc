//! Letting an agent go: its tools, its door, its command line, its process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use super::error::WorkflowError;
use super::worker::Worker;
use super::{briefing, egress, watch};
use eklavya_claude::activity::Activity;
use eklavya_claude::invocation::{
    BASH_MAX_TIMEOUT_MS, Confinement, Conversation, Invocation, InvocationSpec,
};
use eklavya_claude::mcp::ToolServer;
use eklavya_claude::outcome::Outcome;
use eklavya_claude::schema;
use eklavya_claude::session::{KillTree, SessionSpec, drive};
use eklavya_core::domain::agent::Agent;
use eklavya_core::domain::task::{Task, TaskKind};
use eklavya_gateway::{Door, DoorSpec, Gateway};
use eklavya_sandbox::init::PROXY_LOGIN;
use eklavya_sandbox::policy::{GitAccess, policy};
use eklavya_sandbox::{Dirs, Inner, Outgrown, Profile, Spec, kill_all};

/// Events that may wait to be written down.
pub(super) const EVENT_BACKLOG: usize = 256;

/// Opens the agent's door to the gateway.
pub(super) fn open_door(
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
            reach: egress::reach(&worker.site, agent.role),
        })
        .map_err(|error| WorkflowError::Failed(error.to_string()))
}

/// Returns the command line and the environment of the agent's process.
pub(super) fn invocation(
    worker: &Worker,
    agent: &Agent,
    task: &Task,
    dirs: &Dirs,
    door: &Door,
    recorded: bool,
    tools: bool,
) -> Result<Invocation, WorkflowError> {
    let role = policy(agent.role);
    let clone = dirs.clone.to_string_lossy();
    let instructions = briefing::instructions(worker, agent.role, &clone, door.reach())?;
    let mut extra_env = shell_limits(worker.site.config.agents.silence);
    if door.reach().is_something() {
        let login = format!("agent:{}", door.token().expose_secret());
        extra_env.insert(PROXY_LOGIN.to_owned(), login);
    }
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
        extra_env,
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

/// Runs the agent's process in its sandbox until it is gone; returns how it ended, and of what it
/// took too much where that was why.
pub(super) async fn drive_agent(
    worker: &Arc<Worker>,
    agent: &Agent,
    dirs: &Dirs,
    invocation: Invocation,
    door: &Door,
    prompt: String,
    tools: Option<Arc<dyn ToolServer>>,
) -> Result<(Outcome, Option<Outgrown>), WorkflowError> {
    let mut spec = Spec::new(Profile::Agent(agent.role), dirs);
    spec.tmp_bytes = worker.site.config.sandbox.tmp_bytes;
    spec.door = Some(dirs.door.clone());
    spec.tool_binaries = vec![worker.cli.program.clone()];
    spec.disk_bytes = worker.site.config.sandbox.disk_bytes;
    spec.user = worker.site.user;
    spec.labels = worker.site.labels();
    spec.labels.insert("agent", agent.id.to_string());
    spec.labels.insert("session", agent.session.to_string());
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
    // One that went away in the middle of the work is said to have, instead of agents that fail.
    worker.site.sandbox.ready().await?;
    let command = worker.site.sandbox.command(&spec, inner)?;
    let (events, heard) = mpsc::channel(EVENT_BACKLOG);
    let (control, controlled) = mpsc::channel(3);
    let outgrown = OnceLock::new();
    let disk = watch::Disk {
        spec,
        outgrown: &outgrown,
        control: control.clone(),
    };
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
        redactor: worker.site.desk.redactor().clone(),
        kill,
        started: Some(started),
    };
    let watching = async {
        tokio::join!(
            watch::watch_process(worker, agent, process, disk),
            watch::watch_door(worker, agent, door, &activity, &control),
            watch::pass_on_stops(worker, &control),
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
    let notes = watch::note_actions(Arc::clone(worker), agent.clone(), heard);
    let notes = worker.notes.spawn(notes);
    let outcome = Box::pin(driving).await;
    if notes.await.is_err() {
        tracing::warn!(
            "what agent {} did was not noted to its end",
            agent.id.short()
        );
    }
    match outcome {
        Some(outcome) => Ok((outcome?, outgrown.into_inner())),
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
