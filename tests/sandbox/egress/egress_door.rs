//! The way out of a sandbox: a real gateway with its own database and the door of one agent.

use std::path::Path;
use std::sync::Arc;

use eklavya_core::agent::Agent;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::project::Project as Row;
use eklavya_core::task::{Task, TaskKind};
use eklavya_gateway::{
    AgentDoor, DoorSpec, EgressConfig, EgressPolicy, Gateway, GatewayConfig, GatewayTimeouts,
    ModelSource, PriceTable, RehearsalScript,
};
use eklavya_sandbox::PROXY_LOGIN;
use eklavya_sandbox::{CommandOutcome, ProgramSpec, SandboxSpec, run_command};
use eklavya_services::costs::{CostTracker, DefaultLimits};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{DataStore, agents};
use eklavya_store::{DatabaseLocation, Store, audit};
use eklavya_testkit::agents::starting_agent;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::fixtures::sandbox_project::{LIMITS, SandboxProject, agent_user};

/// The search path of agents.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A door that leads out of a project's sandbox.
pub struct EgressDoor {
    data: DataStore,
    row: Row,
    door: AgentDoor,
    _gateway: Gateway,
}

impl EgressDoor {
    /// Opens a door for an agent of `role`.
    pub async fn open(
        project: &SandboxProject,
        role: Role,
        egress: EgressConfig,
        reach: EgressPolicy,
    ) -> Self {
        let file = project.dir.path().join(format!("{role}.db"));
        let store = Store::create(&DatabaseLocation::File(file)).await.unwrap();
        let data = DataStore::new(store, Arc::new(SystemClock));
        let (row, task, agent) = create_records(&data, role).await;
        let script = "rehearsal: 1\nagents:\n  - role: developer\n    steps:\n      - text: hi\n";
        let script = RehearsalScript::parse(Path::new("story.yaml"), script.as_bytes()).unwrap();
        let gateway = Gateway::start(GatewayConfig {
            model: ModelSource::Rehearsal(Arc::new(script)),
            pricing: Arc::new(PriceTable::embedded().unwrap()),
            costs: CostTracker::new(data.clone(), DefaultLimits::default()),
            clock: Arc::new(SystemClock),
            worker: "w".into(),
            max_output_tokens: None,
            requests_per_minute: None,
            timeouts: GatewayTimeouts::default(),
            recorder: None,
            egress,
        })
        .unwrap();
        let opened = gateway.open_door(DoorSpec {
            project: row.id,
            slug: row.slug.clone(),
            task: task.id,
            task_key: task.key.clone(),
            agent: agent.id,
            role,
            attempt: 1,
            socket_dir: project.dirs.door.clone(),
            owner: agent_user().map(|user| (user.uid, user.gid)),
            variables: [].into(),
            egress_policy: reach,
        });
        Self {
            data,
            row,
            door: opened.unwrap(),
            _gateway: gateway,
        }
    }

    /// Runs a shell line in the sandbox of a role that has a shell.
    pub async fn run(
        &self,
        project: &SandboxProject,
        spec: &SandboxSpec,
        line: &str,
    ) -> CommandOutcome {
        let login = self.login();
        let env = [("PATH", PATH), (PROXY_LOGIN, &login)];
        let spec = spec_behind_door(project, spec);
        let ran = run_command(&project.sandbox, &spec, line, &env, LIMITS);
        ran.await.unwrap()
    }

    /// Runs a line in the shell of [`SandboxProject::probe_spec`], and returns its output.
    pub async fn probe(&self, project: &SandboxProject, spec: &SandboxSpec, line: &str) -> String {
        let dash = Path::new("/bin/dash").canonicalize().unwrap();
        let inner = ProgramSpec::new(dash, ["-c", line]).env(PROXY_LOGIN, self.login());
        let (exit, output) = project
            .run_program(&spec_behind_door(project, spec), inner)
            .await
            .unwrap();
        assert!(exit.is_success(), "{exit:?}: {output}");
        output
    }

    fn login(&self) -> String {
        format!("agent:{}", self.door.token().expose_secret())
    }

    /// Closes the door and returns the requests through it that the audit trail records.
    pub async fn close(self) -> Vec<Value> {
        self.door.close().await;
        let mut tx = self.data.begin_read().await.unwrap();
        let lines = audit::of_project(&mut tx, self.row.id).await.unwrap();
        let lines = lines.into_iter().map(|line| line.content);
        let requests = lines.filter(|line| line.action == "egress.request");
        requests.map(|line| line.details).collect()
    }
}

fn spec_behind_door(project: &SandboxProject, spec: &SandboxSpec) -> SandboxSpec {
    let mut spec = spec.clone();
    spec.door = Some(project.dirs.door.clone());
    spec
}

/// Stores a project, a task and the agent that works on it.
async fn create_records(data: &DataStore, role: Role) -> (Row, Task, Agent) {
    let new = NewProject {
        name: "Shop".into(),
        slug: Some("shop".into()),
        client: "C".into(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let project = projects::create(data, &AuditActor::System, new)
        .await
        .unwrap();
    let new = NewTask::new("T1", TaskKind::Build, role, "Build");
    let tasks = tasks::ensure(data, &project, vec![new]).await.unwrap();
    let task = tasks.into_iter().next().unwrap();
    let agent = Agent {
        rehearsal: true,
        ..starting_agent(&task, data.now())
    };
    let mut change = data.begin(&AuditActor::System).await.unwrap();
    agents::spawn_in(&mut change, &agent, None).await.unwrap();
    change.commit().await.unwrap();
    (project, task, agent)
}
