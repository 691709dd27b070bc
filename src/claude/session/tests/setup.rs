//! One agent's directories, its command and its model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::model::Model;
use super::*;
use crate::installed::installed_cli;
use crate::invocation::InvocationSpec;
use eklavya_core::clock::SystemClock;
use eklavya_core::process;

pub(super) struct Scene {
    pub(super) spec: InvocationSpec,
    pub(super) model: Model,
    pub(super) silence: Duration,
    pub(super) grace: Duration,
    pub(super) activity: Activity,
    pub(super) transcript: Option<PathBuf>,
    dir: TempDir,
    tools: Option<Arc<dyn ToolServer>>,
    control: (mpsc::Sender<Control>, Option<mpsc::Receiver<Control>>),
    seen: Vec<StreamEvent>,
    kills: Arc<AtomicUsize>,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["clone/docs", "home", "tmp"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let model = Model::start().await;
        let (sender, receiver) = mpsc::channel(1);
        let spec = InvocationSpec {
            program: installed_cli(),
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
            conversation: Conversation::New(SessionId::random()),
            max_turns: Some(20),
            max_output_tokens: Some(4096),
            instructions: "You are a Developer.".into(),
            confinement: Confinement::None,
            extra_env: BTreeMap::from([("ANTHROPIC_BASE_URL".into(), model.url())]),
        };
        Self {
            spec,
            model,
            silence: LONG,
            grace: Duration::from_secs(20),
            activity: Activity::default(),
            transcript: None,
            dir,
            tools: None,
            control: (sender, Some(receiver)),
            seen: Vec::new(),
            kills: Arc::default(),
        }
    }

    pub(super) fn offer(&mut self, tools: Arc<dyn ToolServer>) {
        self.spec.orchestrator_tools = true;
        self.tools = Some(tools);
    }

    pub(super) fn control(&self) -> mpsc::Sender<Control> {
        self.control.0.clone()
    }

    pub(super) fn transcript(&self) -> PathBuf {
        self.transcript
            .clone()
            .unwrap_or_else(|| self.dir.path().join("agent.jsonl"))
    }

    pub(super) fn events(&self) -> &[StreamEvent] {
        &self.seen
    }

    pub(super) fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    /// Replaces the CLI by a shell script.
    pub(super) fn play(&mut self, script: &str) {
        let path = self.dir.path().join("script");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.spec.program = path;
    }

    pub(super) fn session(&self) -> SessionSpec {
        let kills = Arc::clone(&self.kills);
        SessionSpec {
            redactor: eklavya_core::domain::redactor::Redactor::default(),
            prompt: "Do the work.".into(),
            tools: self.tools.clone(),
            transcript: self.transcript(),
            silence: self.silence,
            grace: self.grace,
            activity: self.activity.clone(),
            clock: Arc::new(SystemClock),
            kill: Arc::new(move |_| {
                kills.fetch_add(1, Ordering::Relaxed);
            }),
            started: None,
        }
    }

    pub(super) async fn run(&mut self) -> Result<Outcome, SessionError> {
        let invocation = self.spec.build();
        let mut command = process::command(&invocation.program);
        command
            .args(&invocation.args)
            .envs(&invocation.env)
            .current_dir(&invocation.cwd);
        let (sender, mut receiver) = mpsc::channel(8);
        let control = self.control.1.take().unwrap_or_else(|| mpsc::channel(1).1);
        let collect = async {
            let mut seen = Vec::new();
            while let Some(event) = receiver.recv().await {
                seen.push(event);
            }
            seen
        };
        let driven = drive(command, self.session(), sender, control);
        let (outcome, seen) = tokio::join!(driven, collect);
        self.seen = seen;
        outcome
    }
}
