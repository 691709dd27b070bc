//! A database with a project, a task and agents, for tests that spend money.

use std::sync::Arc;

use eklavya_core::agent::role::Role;
use eklavya_core::agent::{Agent, AgentState};
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::{FixedClock, SystemClock};
use eklavya_core::ids::{AgentId, SessionId};
use eklavya_core::ledger::{BudgetScope, PriceQuote, RequestPayer, Reservation};
use eklavya_core::money::MicroUsd;
use eklavya_core::project::Project;
use eklavya_core::task::{Task, TaskKind};
use eklavya_services::costs::{CostTracker, DefaultLimits, ReservationOutcome};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{DataStore, agents};
use eklavya_store::{DatabaseLocation, Store};

/// A database in a temporary directory.
pub struct LedgerFixture {
    pub dir: Arc<tempfile::TempDir>,
    pub costs: CostTracker,
    pub project: Project,
    pub task: Task,
    pub clock: Arc<FixedClock>,
}

impl LedgerFixture {
    pub async fn open(budget: Option<MicroUsd>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::create(&DatabaseLocation::File(dir.path().join("eklavya.db")))
            .await
            .unwrap();
        let clock = Arc::new(FixedClock::new("2026-11-22T10:00:00Z".parse().unwrap()));
        let data = DataStore::new(store, clock.clone());
        let new = NewProject {
            name: "Shop".into(),
            slug: Some("shop".into()),
            client: "C".into(),
            brief: b"A shop.".to_vec(),
            budget,
            rehearsal: None,
        };
        let project = projects::create(&data, &AuditActor::System, new)
            .await
            .unwrap();
        let new = NewTask::new("T1", TaskKind::Build, Role::Developer, "Build");
        let task = tasks::ensure(&data, &project, vec![new])
            .await
            .unwrap()
            .remove(0);
        let costs = CostTracker::new(data, DefaultLimits::default());
        Self {
            dir,
            costs,
            project,
            task,
            clock,
        }
    }

    /// Returns the same database with the clock of the machine.
    pub fn with_real_clock(mut self) -> Self {
        let data = DataStore::new(self.costs.data().store.clone(), Arc::new(SystemClock));
        self.costs = CostTracker::new(data, DefaultLimits::default());
        self
    }

    /// Returns the same database for another worker, with a separate bus in the process.
    pub fn for_another_worker(&self) -> Self {
        let data = self.costs.data();
        let data = DataStore::new(data.store.clone(), data.clock.clone());
        Self {
            dir: self.dir.clone(),
            costs: CostTracker::new(data, DefaultLimits::default()),
            project: self.project.clone(),
            task: self.task.clone(),
            clock: self.clock.clone(),
        }
    }

    pub async fn add_agent(&self) -> AgentId {
        let data = self.costs.data();
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
            last_heartbeat: data.now(),
            version: 1,
            created_at: data.now(),
        };
        let mut change = data.begin(&AuditActor::System).await.unwrap();
        agents::spawn_in(&mut change, &agent, None).await.unwrap();
        change.commit().await.unwrap();
        agent.id
    }

    pub async fn add_payer(&self) -> RequestPayer {
        RequestPayer {
            project: self.project.id,
            slug: self.project.slug.clone(),
            task: self.task.id,
            task_key: self.task.key.clone(),
            agent: self.add_agent().await,
            role: Role::Developer,
            worker: "w".into(),
            fence: 1,
            rehearsal: false,
        }
    }

    pub fn project_scope(&self) -> BudgetScope {
        BudgetScope::Project(self.project.id)
    }

    pub async fn set_limit(&self, scope: BudgetScope, micros: i64) {
        let limit = Some(MicroUsd(micros));
        self.costs
            .set_limit(&AuditActor::System, scope, limit)
            .await
            .unwrap();
    }
}

/// Returns a request that costs 100 micro-dollars and one more for each of at most `max_tokens`
/// tokens.
pub fn quote(max_tokens: u64) -> PriceQuote {
    PriceQuote {
        model: "m".into(),
        unknown_model: false,
        fixed_pico: 100_000_000,
        output_pico: 1_000_000,
        max_tokens,
        min_tokens: 10,
    }
}

/// Returns the grant of a decision; any other decision fails the test.
pub trait ExpectGranted {
    fn expect_granted(self) -> Reservation;
}

impl ExpectGranted for ReservationOutcome {
    fn expect_granted(self) -> Reservation {
        match self {
            ReservationOutcome::Granted(reservation) => reservation,
            other => panic!("not granted: {other:?}"),
        }
    }
}
