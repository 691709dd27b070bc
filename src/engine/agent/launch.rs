//! Letting an agent go: its tools, its door, its command line, its process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use super::egress;
use crate::agent::{monitor, prompt};
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use eklavya_claude::activity::AgentActivity;
use eklavya_claude::cli::invocation::{
    BASH_MAX_TIMEOUT_MS, ClaudeCommand, ClaudeCommandSpec, CliIsolation, ConversationStart,
};
use eklavya_claude::mcp::ToolServer;
use eklavya_claude::schema;
use eklavya_claude::session::outcome::SessionOutcome;
use eklavya_claude::session::{KillTreeFn, SessionSpec, run_session};
use eklavya_core::agent::Agent;
use eklavya_core::process::SEARCH_PATH;
use eklavya_core::task::{Task, TaskKind};
use eklavya_gateway::{AgentDoor, DoorSpec, Gateway};
use eklavya_sandbox::PROXY_LOGIN;
use eklavya_sandbox::role_policy::{GitAccess, role_policy};
use eklavya_sandbox::{
    DiskQuotaExceeded, ProgramSpec, SandboxProfile, SandboxSpec, WorkspaceDirs, kill_sandbox,
};

/// Events that may wait to be written down.
pub(crate) const EVENT_BACKLOG: usize = 256;

/// Opens the agent's door to the gateway.
pub(crate) fn open_door(
    worker: &ProjectRun,
    gateway: &Gateway,
    agent: &Agent,
    task: &Task,
    dirs: &WorkspaceDirs,
) -> Result<AgentDoor, EngineError> {
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
            egress_policy: egress::reach_of_role(&worker.site, agent.role),
        })
        .map_err(|error| EngineError::Failed(error.to_string()))
}

/// Returns the command line and the environment of the agent's process.
pub(crate) fn build_invocation(
    worker: &ProjectRun,
    agent: &Agent,
    task: &Task,
    dirs: &WorkspaceDirs,
    door: &AgentDoor,
    recorded: bool,
    tools: bool,
) -> Result<ClaudeCommand, EngineError> {
    let role = role_policy(agent.role);
    let clone = dirs.clone.to_string_lossy();
    let instructions =
        prompt::render_role_instructions(worker, agent.role, &clone, door.egress_policy())?;
    let mut extra_env = shell_timeouts(worker.site.config.agents.silence);
    if door.egress_policy().allows_any() {
        let login = format!("agent:{}", door.token().expose_secret());
        extra_env.insert(PROXY_LOGIN.to_owned(), login);
    }
    let spec = ClaudeCommandSpec {
        program: worker.cli.program.clone(),
        workspace: dirs.clone.clone(),
        home: dirs.home.clone(),
        tmp: dirs.tmp.clone(),
        path: SEARCH_PATH.to_owned(),
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
            ConversationStart::Resume(agent.session)
        } else {
            ConversationStart::New(agent.session)
        },
        max_turns: u32::try_from(worker.site.config.agents.max_turns).ok(),
        max_output_tokens: u32::try_from(worker.site.config.model.max_output_tokens).ok(),
        instructions,
        isolation: if worker.site.is_sandboxed() {
            CliIsolation::Sandbox
        } else {
            CliIsolation::None
        },
        extra_env,
    };
    Ok(spec.build())
}

/// A shell command that runs long is silent: it must end before its silence ends the agent.
fn shell_timeouts(silence: Duration) -> BTreeMap<String, String> {
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
pub(crate) async fn drive_agent(
    worker: &Arc<ProjectRun>,
    agent: &Agent,
    dirs: &WorkspaceDirs,
    invocation: ClaudeCommand,
    door: &AgentDoor,
    prompt: String,
    tools: Option<Arc<dyn ToolServer>>,
) -> Result<(SessionOutcome, Option<DiskQuotaExceeded>), EngineError> {
    let mut spec = SandboxSpec::new(SandboxProfile::Agent(agent.role), dirs);
    spec.tmp_bytes = worker.site.config.sandbox.tmp_bytes;
    spec.door = Some(dirs.door.clone());
    spec.tool_binaries = vec![worker.cli.program.clone()];
    spec.disk_bytes = worker.site.config.sandbox.disk_bytes;
    spec.user = worker.site.user;
    spec.labels = worker.site.container_labels();
    spec.labels.insert("agent", agent.id.to_string());
    spec.labels.insert("session", agent.session.to_string());
    let inner = ProgramSpec {
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
    worker.site.sandbox.ensure_ready().await?;
    let command = worker.site.sandbox.command(&spec, inner)?;
    let (events, heard) = mpsc::channel(EVENT_BACKLOG);
    let (control, controlled) = mpsc::channel(3);
    let outgrown = OnceLock::new();
    let disk = monitor::DiskQuotaMonitor {
        spec,
        exceeded: &outgrown,
        control: control.clone(),
    };
    let (started, process) = tokio::sync::oneshot::channel();
    let activity = AgentActivity {
        last_seen_us: door.shared_activity(),
        ..AgentActivity::default()
    };
    let kill: KillTreeFn = Arc::new(kill_sandbox);
    let session = SessionSpec {
        prompt,
        tools,
        transcript: prepare_transcript(worker, agent)?,
        silence_limit: worker.site.config.agents.silence,
        grace_period: worker.site.config.agents.grace,
        activity: activity.clone(),
        clock: Arc::clone(&worker.site.data.clock),
        redactor: worker.site.data.redactor().clone(),
        kill_tree: kill,
        started: Some(started),
    };
    let watching = async {
        tokio::join!(
            monitor::monitor_process(worker, agent, process, disk),
            monitor::monitor_door(worker, agent, door, &activity, &control),
            monitor::forward_stop(worker, &control),
        )
    };
    // The watchers never end by themselves.
    let driving = async {
        tokio::select! {
            outcome = run_session(command, session, events, controlled) => Some(outcome),
            _ = watching => None,
        }
    };
    // What was heard is noted to the last word: the channel closes when the driving ends.
    let notes = monitor::record_tool_calls(Arc::clone(worker), agent.clone(), heard);
    let notes = worker.note_tasks.spawn(notes);
    let outcome = Box::pin(driving).await;
    if notes.await.is_err() {
        tracing::warn!(
            "what agent {} did was not noted to its end",
            agent.id.short()
        );
    }
    match outcome {
        Some(outcome) => Ok((outcome?, outgrown.into_inner())),
        None => Err(EngineError::Failed("the agent's watchers ended".to_owned())),
    }
}

fn prepare_transcript(worker: &ProjectRun, agent: &Agent) -> Result<PathBuf, EngineError> {
    let path = worker.site.paths.transcript(agent.id);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(EngineError::io(parent))?;
    }
    Ok(path)
}
