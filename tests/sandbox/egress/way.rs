//! The way out of a sandbox: a real gateway over a database of its own, with one agent's door.

use std::path::Path;
use std::sync::Arc;

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::agent::Agent;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::project::Project as Row;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskKind};
use eklavya_gateway::{
    Door, DoorSpec, EgressConfig, Gateway, GatewayConfig, ModelSource, Patience, Pricing, Reach,
    Script,
};
use eklavya_sandbox::init::PROXY_LOGIN;
use eklavya_sandbox::{CommandOutcome, Inner, Spec, run_command};
use eklavya_services::costs::{Costs, DefaultLimits};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{Desk, agents};
use eklavya_store::{Location, Store, audit};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::agents::beginning;
use crate::support::{LIMITS, Project, user};

/// Where programs are looked for, as agents are told.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A door that leads out of a project's sandbox.
pub struct Way {
    desk: Desk,
    row: Row,
    door: Door,
    _gateway: Gateway,
}

impl Way {
    /// Opens a door for an agent of `role`.
    pub async fn open(project: &Project, role: Role, egress: EgressConfig, reach: Reach) -> Self {
        let file = project.dir.path().join(format!("{role}.db"));
        let store = Store::create(&Location::File(file)).await.unwrap();
        let desk = Desk::new(store, Arc::new(SystemClock));
        let (row, task, agent) = books(&desk, role).await;
        let script = "rehearsal: 1\nagents:\n  - role: developer\n    steps:\n      - text: hi\n";
        let script = Script::parse(Path::new("story.yaml"), script.as_bytes()).unwrap();
        let gateway = Gateway::start(GatewayConfig {
            model: ModelSource::Rehearsal(Arc::new(script)),
            pricing: Arc::new(Pricing::embedded().unwrap()),
            costs: Costs::new(desk.clone(), DefaultLimits::default()),
            clock: Arc::new(SystemClock),
            worker: "w".into(),
            max_output_tokens: None,
            requests_per_minute: None,
            patience: Patience::default(),
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
            owner: user().map(|user| (user.uid, user.gid)),
            variables: [].into(),
            reach,
        });
        Self {
            desk,
            row,
            door: opened.unwrap(),
            _gateway: gateway,
        }
    }

    /// Runs a line of the shell behind the door, where the role has a shell.
    pub async fn run(&self, project: &Project, spec: &Spec, line: &str) -> CommandOutcome {
        let login = self.login();
        let env = [("PATH", PATH), (PROXY_LOGIN, &login)];
        let spec = behind(project, spec);
        let ran = run_command(&project.sandbox, &spec, line, &env, LIMITS);
        ran.await.unwrap()
    }

    /// Runs a line in the shell of [`Project::probing`], and returns what it printed.
    pub async fn probe(&self, project: &Project, spec: &Spec, line: &str) -> String {
        let dash = Path::new("/bin/dash").canonicalize().unwrap();
        let inner = Inner::new(dash, ["-c", line]).env(PROXY_LOGIN, self.login());
        let (exit, said) = project.inner(&behind(project, spec), inner).await.unwrap();
        assert!(exit.is_success(), "{exit:?}: {said}");
        said
    }

    fn login(&self) -> String {
        format!("agent:{}", self.door.token().expose_secret())
    }

    /// Closes the door and returns what the audit trail tells of what went through it.
    pub async fn close(self) -> Vec<Value> {
        self.door.close().await;
        let mut tx = self.desk.read().await.unwrap();
        let lines = audit::of_project(&mut tx, self.row.id).await.unwrap();
        let lines = lines.into_iter().map(|line| line.content);
        let told = lines.filter(|line| line.action == "egress.request");
        told.map(|line| line.details).collect()
    }
}

fn behind(project: &Project, spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    spec.door = Some(project.dirs.door.clone());
    spec
}

/// Writes down a project, a task and the agent that works on it.
async fn books(desk: &Desk, role: Role) -> (Row, Task, Agent) {
    let new = NewProject {
        name: "Shop".into(),
        slug: Some("shop".into()),
        client: "C".into(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let project = projects::create(desk, &Actor::System, new).await.unwrap();
    let new = NewTask::new("T1", TaskKind::Build, role, "Build");
    let tasks = tasks::ensure(desk, &project, vec![new]).await.unwrap();
    let task = tasks.into_iter().next().unwrap();
    let agent = Agent {
        rehearsal: true,
        ..beginning(&task, desk.now())
    };
    let mut change = desk.change(&Actor::System).await.unwrap();
    agents::spawn_in(&mut change, &agent, None).await.unwrap();
    change.commit().await.unwrap();
    (project, task, agent)
}
