//! Launching an agent: its door, its command line, its process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::monitor::{DiskQuotaMonitor, EVENT_BACKLOG, ToolCallRecorder};
use super::{egress, monitor, prompt};
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::context::stop::StopRequest;
use eklavya_claude::activity::AgentActivity;
use eklavya_claude::cli::invocation::{
    BASH_MAX_TIMEOUT_MS, ClaudeCommand, ClaudeCommandSpec, CliIsolation, ConversationStart,
};
use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_claude::mcp::ToolServer;
use eklavya_claude::session::outcome::SessionOutcome;
use eklavya_claude::session::{KillTreeFn, SessionSpec, StartedProcess, run_session};
use eklavya_core::agent::Agent;
use eklavya_core::process::SEARCH_PATH;
use eklavya_core::task::Task;
use eklavya_gateway::{AgentDoor, DoorSpec, Gateway};
use eklavya_sandbox::PROXY_LOGIN;
use eklavya_sandbox::role_policy::{GitAccess, role_policy};
use eklavya_sandbox::{
    DiskQuotaExceeded, ProgramSpec, SandboxProfile, SandboxSpec, WorkspaceDirs, kill_sandbox,
};

/// Opens the agent's door to the gateway.
pub(crate) fn open_door(
    site: &Site,
    gateway: &Gateway,
    agent: &Agent,
    task: &Task,
    dirs: &WorkspaceDirs,
) -> Result<AgentDoor, EngineError> {
    gateway
        .open_door(DoorSpec {
            project: agent.project,
            slug: site.project().slug.clone(),
            task: task.id,
            task_key: task.key.clone(),
            agent: agent.id,
            role: agent.role,
            attempt: agent.attempt,
            socket_dir: dirs.door.clone(),
            owner: site.user.map(|user| (user.uid, user.gid)),
            variables: script_variables(site, task, dirs),
            egress_policy: egress::reach_of_role(site, agent.role),
        })
        .map_err(|error| EngineError::Failed(error.to_string()))
}

/// Returns the variables of rehearsal scripts.
fn script_variables(site: &Site, task: &Task, dirs: &WorkspaceDirs) -> BTreeMap<String, String> {
    let demo = task.subject.demo_number();
    let clone = dirs.clone.to_string_lossy().into_owned();
    [
        ("project".to_owned(), site.project().name.clone()),
        (
            "demo".to_owned(),
            demo.map_or_else(String::new, |number| number.to_string()),
        ),
        ("clone".to_owned(), clone),
    ]
    .into()
}

/// What an agent's process is started with.
#[derive(Clone, Copy)]
pub(crate) struct AgentLaunch<'a> {
    pub site: &'a Site,
    pub cli: &'a ClaudeCli,
    pub agent: &'a Agent,
    pub dirs: &'a WorkspaceDirs,
    pub door: &'a AgentDoor,
}

impl AgentLaunch<'_> {
    /// Returns the command line and the environment of the agent's process.
    pub(crate) fn build_invocation(
        &self,
        conversation: ConversationStart,
        has_tools: bool,
        answer_schema: Option<serde_json::Value>,
    ) -> Result<ClaudeCommand, EngineError> {
        let (config, role) = (&self.site.config, role_policy(self.agent.role));
        let spec = ClaudeCommandSpec {
            program: self.cli.program.clone(),
            workspace: self.dirs.clone.clone(),
            home: self.dirs.home.clone(),
            tmp: self.dirs.tmp.clone(),
            path: SEARCH_PATH.to_owned(),
            token: self.door.token().expose_secret().to_owned(),
            model: Some(self.agent.model.clone()),
            tools: role.tools().into_iter().map(str::to_owned).collect(),
            allowed: role.allowed_tools(),
            denied: denied_tools(role.git),
            orchestrator_tools: has_tools,
            schema: answer_schema,
            conversation,
            max_turns: u32::try_from(config.agents.max_turns).ok(),
            max_output_tokens: u32::try_from(config.model.max_output_tokens).ok(),
            instructions: self.render_instructions()?,
            isolation: self.cli_isolation(),
            extra_env: self.extra_environment(),
        };
        Ok(spec.build())
    }

    fn render_instructions(&self) -> Result<String, EngineError> {
        let clone = self.dirs.clone.to_string_lossy();
        let (project, egress) = (self.site.project(), self.door.egress_policy());
        prompt::render_role_instructions(project, self.agent.role, &clone, egress)
    }

    fn cli_isolation(&self) -> CliIsolation {
        if self.site.is_sandboxed() {
            CliIsolation::Sandbox
        } else {
            CliIsolation::None
        }
    }

    fn extra_environment(&self) -> BTreeMap<String, String> {
        let mut environment = shell_timeouts(self.site.config.agents.silence);
        if self.door.egress_policy().allows_any() {
            let login = format!("agent:{}", self.door.token().expose_secret());
            environment.insert(PROXY_LOGIN.to_owned(), login);
        }
        environment
    }

    /// Runs the agent's process in its sandbox until it ends. Also returns the disk quota that it
    /// exceeded, if it was killed for that.
    pub(crate) async fn drive(
        &self,
        stop: &StopRequest,
        note_tasks: &TaskTracker,
        invocation: ClaudeCommand,
        prompt: String,
        tools: Option<Arc<dyn ToolServer>>,
    ) -> Result<(SessionOutcome, Option<DiskQuotaExceeded>), EngineError> {
        let (site, spec) = (self.site, self.sandbox_spec());
        // A sandbox that became unusable is reported as such, not as agents that fail.
        site.sandbox.ensure_ready().await?;
        let command = site.sandbox.command(&spec, program_spec(invocation))?;
        let (events, received_events) = mpsc::channel(EVENT_BACKLOG);
        let (control, signals) = mpsc::channel(3);
        let exceeded = OnceLock::new();
        let disk = DiskQuotaMonitor {
            spec,
            exceeded: &exceeded,
            control,
        };
        let (started, process) = oneshot::channel();
        let session = self.session_spec(prompt, tools, started)?;
        let activity = session.activity.clone();
        let driving = async {
            tokio::select! {
                outcome = run_session(command, session, events, signals) => Ok(outcome?),
                () = self.monitor(stop, process, &activity, disk) => {
                    Err(EngineError::Failed("the agent's monitors ended".to_owned()))
                }
            }
        };
        // Every event is recorded: the channel closes when the driving ends.
        let recorder = self.tool_call_recorder(stop);
        let recording = note_tasks.spawn(recorder.record_tool_calls(received_events));
        let outcome = Box::pin(driving).await;
        if recording.await.is_err() {
            let id = self.agent.id.short();
            tracing::warn!("not all actions of agent {id} were recorded");
        }
        Ok((outcome?, exceeded.into_inner()))
    }

    /// Monitors the process, its door and our stops. Never ends by itself.
    async fn monitor(
        &self,
        stop: &StopRequest,
        process: oneshot::Receiver<StartedProcess>,
        activity: &AgentActivity,
        disk: DiskQuotaMonitor<'_>,
    ) {
        let (data, agent) = (&self.site.data, self.agent);
        let control = disk.control.clone();
        tokio::join!(
            monitor::monitor_process(data, stop, agent, process, disk),
            monitor::monitor_door(data, agent, self.door, activity, &control),
            monitor::forward_stop(stop, &control),
        );
    }

    fn tool_call_recorder(&self, stop: &StopRequest) -> ToolCallRecorder {
        ToolCallRecorder {
            data: self.site.data.clone(),
            stop: stop.clone(),
            retry_timeout: self.site.config.store_retry_timeout,
            agent: self.agent.clone(),
        }
    }

    fn sandbox_spec(&self) -> SandboxSpec {
        let (site, agent) = (self.site, self.agent);
        let mut spec = SandboxSpec::new(SandboxProfile::Agent(agent.role), self.dirs);
        spec.tmp_bytes = site.config.sandbox.tmp_bytes;
        spec.door = Some(self.dirs.door.clone());
        spec.tool_binaries = vec![self.cli.program.clone()];
        spec.disk_bytes = site.config.sandbox.disk_bytes;
        spec.user = site.user;
        spec.labels = site.container_labels();
        spec.labels.insert("agent", agent.id.to_string());
        spec.labels.insert("session", agent.session.to_string());
        spec
    }

    fn session_spec(
        &self,
        prompt: String,
        tools: Option<Arc<dyn ToolServer>>,
        started: oneshot::Sender<StartedProcess>,
    ) -> Result<SessionSpec, EngineError> {
        let site = self.site;
        let kill_tree: KillTreeFn = Arc::new(kill_sandbox);
        Ok(SessionSpec {
            prompt,
            tools,
            transcript: self.prepare_transcript()?,
            silence_limit: site.config.agents.silence,
            grace_period: site.config.agents.grace,
            activity: AgentActivity {
                last_seen_us: self.door.shared_activity(),
                ..AgentActivity::default()
            },
            clock: Arc::clone(&site.data.clock),
            redactor: site.data.redactor().clone(),
            kill_tree,
            started: Some(started),
        })
    }

    fn prepare_transcript(&self) -> Result<PathBuf, EngineError> {
        let path = self.site.paths.transcript(self.agent.id);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(EngineError::io(parent))?;
        }
        Ok(path)
    }
}

fn denied_tools(git: GitAccess) -> Vec<String> {
    match git {
        GitAccess::No => vec!["Read(.git/**)".to_owned()],
        GitAccess::Read | GitAccess::Full => Vec::new(),
    }
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

fn program_spec(invocation: ClaudeCommand) -> ProgramSpec {
    ProgramSpec {
        program: invocation.program.into(),
        args: invocation.args.into_iter().map(Into::into).collect(),
        env: invocation
            .env
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        cwd: Some(invocation.cwd),
    }
}
