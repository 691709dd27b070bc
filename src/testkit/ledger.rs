//! A database with a project, a task and agents, for tests that spend money.

use std::sync::Arc;

use eklavya_core::clock::{FixedClock, SystemClock};
use eklavya_core::domain::agent::{Agent, AgentState};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::{AgentId, SessionId};
use eklavya_core::domain::ledger::{BudgetScope, Payer, Quote, Reservation};
use eklavya_core::domain::money::MicroUsd;
use eklavya_core::domain::project::Project;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskKind};
use eklavya_services::costs::{Costs, Decision, DefaultLimits};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{Desk, agents};
use eklavya_store::{Location, Store};

/// A database in a directory of its own.
pub struct Books {
    pub dir: Arc<tempfile::TempDir>,
    pub costs: Costs,
    pub project: Project,
    pub task: Task,
    pub clock: Arc<FixedClock>,
}

impl Books {
    pub async fn open(budget: Option<MicroUsd>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::create(&Location::File(dir.path().join("eklavya.db")))
            .await
            .unwrap();
        let clock = Arc::new(FixedClock::new("2026-11-22T10:00:00Z".parse().unwrap()));
        let desk = Desk::new(store, clock.clone());
        let new = NewProject {
            name: "Shop".into(),
            slug: Some("shop".into()),
            client: "C".into(),
            brief: b"A shop.".to_vec(),
            budget,
            rehearsal: None,
        };
        let project = projects::create(&desk, &Actor::System, new).await.unwrap();
        let new = NewTask::new("T1", TaskKind::Build, Role::Developer, "Build");
        let task = tasks::ensure(&desk, &project, vec![new])
            .await
            .unwrap()
            .remove(0);
        let costs = Costs::new(desk, DefaultLimits::default());
        Self {
            dir,
            costs,
            project,
            task,
            clock,
        }
    }

    /// The same database under the machine's clock.
    pub fn with_real_clock(mut self) -> Self {
        let desk = Desk::new(self.costs.desk().store.clone(), Arc::new(SystemClock));
        self.costs = Costs::new(desk, DefaultLimits::default());
        self
    }

    /// The same database as another worker has it: its own bus, inside its own process.
    pub fn at_another_worker(&self) -> Self {
        let desk = self.costs.desk();
        let desk = Desk::new(desk.store.clone(), desk.clock.clone());
        Self {
            dir: self.dir.clone(),
            costs: Costs::new(desk, DefaultLimits::default()),
            project: self.project.clone(),
            task: self.task.clone(),
            clock: self.clock.clone(),
        }
    }

    pub async fn agent(&self) -> AgentId {
        let desk = self.costs.desk();
        let agent = Agent {
            id: AgentId::random(),
            project: self.project.id,
            task: self.task.id,
            role: Role::Developer,
            state: AgentState::Starting,
            pid: None,
            process_start: None,
            host: "h".into(),
            working_dir: "/nowhere".into(),
            session: SessionId::random(),
            attempt: 1,
            sandboxed: true,
            rehearsal: false,
            model: "m".into(),
            worker: "w".into(),
            fence: 1,
            tokens_used: 0,
            last_heartbeat: desk.now(),
            version: 1,
            created_at: desk.now(),
        };
        let mut change = desk.change(&Actor::System).await.unwrap();
        agents::spawn_in(&mut change, &agent, None).await.unwrap();
        change.commit().await.unwrap();
        agent.id
    }

    pub async fn payer(&self) -> Payer {
        Payer {
            project: self.project.id,
            slug: self.project.slug.clone(),
            task: self.task.id,
            task_key: self.task.key.clone(),
            agent: self.agent().await,
            role: Role::Developer,
            worker: "w".into(),
            fence: 1,
            rehearsal: false,
        }
    }

    pub fn project_scope(&self) -> BudgetScope {
        BudgetScope::Project(self.project.id)
    }

    pub async fn limit(&self, scope: BudgetScope, micros: i64) {
        let limit = Some(MicroUsd(micros));
        self.costs
            .set_limit(&Actor::System, scope, limit)
            .await
            .unwrap();
    }
}

/// A request of 100 micro-dollars and one more for each of at most `max_tokens`.
pub fn quote(max_tokens: u64) -> Quote {
    Quote {
        model: "m".into(),
        unknown_model: false,
        fixed_pico: 100_000_000,
        output_pico: 1_000_000,
        max_tokens,
        min_tokens: 10,
    }
}

/// Takes a decision for a grant; anything else fails the test.
pub trait ExpectGranted {
    fn granted(self) -> Reservation;
}

impl ExpectGranted for Decision {
    fn granted(self) -> Reservation {
        match self {
            Decision::Granted(reservation) => reservation,
            other => panic!("not granted: {other:?}"),
        }
    }
}
