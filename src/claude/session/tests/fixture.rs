//! One agent's directories, its command and its model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::cli::installed_cli::find_installed_cli;
use crate::cli::invocation::ClaudeCommandSpec;
use crate::session::tests::scripted_model::ScriptedModel;
use eklavya_core::clock::SystemClock;
use eklavya_core::process;

pub(crate) struct SessionFixture {
    pub(crate) spec: ClaudeCommandSpec,
    pub(crate) model: ScriptedModel,
    pub(crate) silence: Duration,
    pub(crate) grace: Duration,
    pub(crate) activity: AgentActivity,
    pub(crate) transcript: Option<PathBuf>,
    dir: TempDir,
    tools: Option<Arc<dyn ToolServer>>,
    control: (
        mpsc::Sender<SessionSignal>,
        Option<mpsc::Receiver<SessionSignal>>,
    ),
    events: Vec<StreamEvent>,
    kills: Arc<AtomicUsize>,
}

impl SessionFixture {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["clone/docs", "home", "tmp"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let model = ScriptedModel::start().await;
        let (sender, receiver) = mpsc::channel(1);
        let spec = ClaudeCommandSpec {
            program: find_installed_cli(),
            workspace: dir.path().join("clone"),
            home: dir.path().join("home"),
            tmp: dir.path().join("tmp"),
            path: "/usr/bin:/bin".into(),
            token: "token-of-this-agent".into(),
            model: Some("claude-sonnet-5-5".into()),
            tools: ["Read", "Write", "Edit"].map(str::to_owned).to_vec(),
            allowed: vec!["Edit(docs/**)".into()],
            denied: Vec::new(),
            orchestrator_tools: false,
            schema: None,
            conversation: ConversationStart::New(SessionId::random()),
            max_turns: Some(20),
            max_output_tokens: Some(4096),
            instructions: "You are a Developer.".into(),
            isolation: CliIsolation::None,
            extra_env: BTreeMap::from([("ANTHROPIC_BASE_URL".into(), model.url())]),
        };
        Self {
            spec,
            model,
            silence: LONG_SILENCE_LIMIT,
            grace: Duration::from_secs(20),
            activity: AgentActivity::default(),
            transcript: None,
            dir,
            tools: None,
            control: (sender, Some(receiver)),
            events: Vec::new(),
            kills: Arc::default(),
        }
    }

    pub(crate) fn offer_tools(&mut self, tools: Arc<dyn ToolServer>) {
        self.spec.orchestrator_tools = true;
        self.tools = Some(tools);
    }

    pub(crate) fn control(&self) -> mpsc::Sender<SessionSignal> {
        self.control.0.clone()
    }

    pub(crate) fn transcript(&self) -> PathBuf {
        self.transcript
            .clone()
            .unwrap_or_else(|| self.dir.path().join("agent.jsonl"))
    }

    pub(crate) fn events(&self) -> &[StreamEvent] {
        &self.events
    }

    pub(crate) fn kill_count(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    /// Replaces the CLI with a shell script.
    pub(crate) fn replace_cli_with(&mut self, script: &str) {
        let path = self.dir.path().join("script");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.spec.program = path;
    }

    pub(crate) fn session_spec(&self) -> SessionSpec {
        let kills = Arc::clone(&self.kills);
        SessionSpec {
            redactor: eklavya_core::redactor::Redactor::default(),
            prompt: "Do the work.".into(),
            tools: self.tools.clone(),
            transcript: self.transcript(),
            silence_limit: self.silence,
            grace_period: self.grace,
            activity: self.activity.clone(),
            clock: Arc::new(SystemClock),
            kill_tree: Arc::new(move |_| {
                kills.fetch_add(1, Ordering::Relaxed);
            }),
            started: None,
        }
    }

    pub(crate) async fn run(&mut self) -> Result<SessionOutcome, SessionError> {
        let invocation = self.spec.build();
        let mut command = process::new_command(&invocation.program);
        command
            .args(&invocation.args)
            .envs(&invocation.env)
            .current_dir(&invocation.cwd);
        let (sender, mut receiver) = mpsc::channel(8);
        let control = self.control.1.take().unwrap_or_else(|| mpsc::channel(1).1);
        let collect = async {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                events.push(event);
            }
            events
        };
        let driven = run_session(command, self.session_spec(), sender, control);
        let (outcome, events) = tokio::join!(driven, collect);
        self.events = events;
        outcome
    }
}
