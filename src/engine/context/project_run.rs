//! The worker: what a process needs to let agents work on one project.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify, OnceCell};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::error::EngineError;
use super::orphans;
use super::site::Site;
use super::stop::StopRequest;
use crate::agent::gateway;
use crate::capacity::Capacity;
use crate::context::lease_deadline::LeaseDeadline;
use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_core::lease::HeldLease;
use eklavya_core::lease::monitor::LeaseMonitor;
use eklavya_core::project::Project;
use eklavya_gateway::{Gateway, RehearsalRecorder};
use eklavya_services::costs::CostTracker;
use eklavya_services::leases::WorkerId as WorkerIdentity;
use eklavya_services::projects;

/// What a worker does where another one holds the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLeased {
    /// It gives up, unless a few seconds show that the other one is gone.
    Fail,
    /// It waits until the project is free, or the work is stopped.
    Wait,
}

/// What a worker is made of, beside its site.
#[derive(Debug)]
pub struct ProjectRunSpec {
    /// The Claude Code CLI.
    pub cli: ClaudeCli,
    /// How the work is stopped.
    pub stop: StopRequest,
    /// Where the model's answers are recorded, if they are.
    pub recorder: Option<Arc<RehearsalRecorder>>,
    /// What it does where another one holds the project.
    pub on_leased: OnLeased,
    /// The room for agents on this machine.
    pub capacity: Arc<Capacity>,
    /// What was seen of the project's lease before, and since when.
    pub observed_lease: Option<ObservedLease>,
}

/// A lease that was watched for a while, from the start of the watch on.
#[derive(Debug, Clone)]
pub struct ObservedLease {
    /// When the watch began.
    pub observed_since: Instant,
    /// What was seen.
    pub watch: LeaseMonitor,
}

impl ObservedLease {
    /// Returns a watch that begins now.
    pub fn starting_now() -> Self {
        Self {
            observed_since: Instant::now(),
            watch: LeaseMonitor::default(),
        }
    }
}

/// A process at work on one project, or about to be.
#[derive(Debug)]
pub struct ProjectRun {
    pub(crate) site: Site,
    pub(crate) costs: CostTracker,
    pub(crate) cli: ClaudeCli,
    pub(crate) identity: WorkerIdentity,
    pub(crate) stop: StopRequest,
    pub(crate) on_leased: OnLeased,
    pub(crate) rehearsal: Option<String>,
    pub(crate) capacity: Arc<Capacity>,
    /// How many of its agents wait for room.
    pub(crate) waiting_agents: Mutex<u32>,
    pub(crate) observed_lease: Option<ObservedLease>,
    /// One merge at a time: each is tested on top of the one before.
    pub(crate) merge_lock: Mutex<()>,
    /// Notes of what happened that are still being written down.
    pub(crate) note_tasks: TaskTracker,
    /// Told when an agent has handed out work.
    pub(crate) spawn_notify: Notify,
    gateway: OnceCell<Gateway>,
    recorder: Option<Arc<RehearsalRecorder>>,
}

impl ProjectRun {
    /// Makes a worker that can take up the work on a project with [`super::hold`].
    ///
    /// What agents of others left on this host, who have lost their projects since, is ended first.
    pub async fn start(spec: ProjectRunSpec, site: Site) -> Result<Self, EngineError> {
        let identity = WorkerIdentity::generate();
        orphans::end_orphans_on_host(&site.data, &identity.host).await?;
        site.sandbox.remove_abandoned().await?;
        let rehearsal = gateway::select_rehearsal(&site.config, site.project());
        Ok(Self {
            costs: cost_tracker(&site),
            site,
            cli: spec.cli,
            identity,
            stop: spec.stop,
            on_leased: spec.on_leased,
            rehearsal,
            capacity: spec.capacity,
            waiting_agents: Mutex::default(),
            observed_lease: spec.observed_lease,
            merge_lock: Mutex::new(()),
            note_tasks: TaskTracker::new(),
            spawn_notify: Notify::new(),
            gateway: OnceCell::new(),
            recorder: spec.recorder,
        })
    }

    /// Returns the worker as it works in a tenure: what it writes counts only while that lasts.
    pub(crate) async fn under_lease(
        &self,
        tenure: &HeldLease,
        grip: Arc<LeaseDeadline>,
    ) -> Result<Self, EngineError> {
        let site = self.site.fenced(tenure, grip).await?;
        Ok(Self {
            costs: cost_tracker(&site),
            site,
            cli: self.cli.clone(),
            identity: self.identity.clone(),
            stop: self.stop.child(),
            on_leased: self.on_leased,
            rehearsal: self.rehearsal.clone(),
            capacity: Arc::clone(&self.capacity),
            waiting_agents: Mutex::default(),
            observed_lease: None,
            merge_lock: Mutex::new(()),
            note_tasks: TaskTracker::new(),
            spawn_notify: Notify::new(),
            gateway: OnceCell::new(),
            recorder: self.recorder.clone(),
        })
    }

    /// Notes under which conditions the work is done.
    pub(crate) async fn record_conditions(&self) -> Result<(), EngineError> {
        let project = self.site.reload().await?;
        let sandboxed = self.site.is_sandboxed();
        let rehearsal = self.rehearsal.clone();
        projects::record_conditions(&self.site.data, &project, rehearsal, sandboxed).await?;
        Ok(())
    }

    /// Returns the door-keeper of the agents; it starts with the first of them, so that work without
    /// agents needs no model.
    ///
    /// # Errors
    /// A rehearsal or a price list that cannot be used, no credential for the model.
    pub(crate) async fn gateway(&self) -> Result<&Gateway, EngineError> {
        let start = async || {
            let (rehearsal, recorder) = (self.rehearsal.as_deref(), self.recorder.clone());
            gateway::start_gateway(
                &self.site,
                &self.costs,
                rehearsal,
                &self.identity.name,
                recorder,
            )
            .await
        };
        self.gateway.get_or_try_init(start).await
    }

    /// Ends what goes on beside the work: all doors are closed, and what was spent and done is
    /// written down.
    pub(crate) async fn shut_down(&self) {
        if let Some(gateway) = self.gateway.get() {
            gateway.shutdown().await;
        }
        self.note_tasks.close();
        self.note_tasks.wait().await;
    }

    /// Returns the project as it stands now.
    pub async fn reload_project(&self) -> Result<Project, EngineError> {
        self.site.reload().await
    }
}

fn cost_tracker(site: &Site) -> CostTracker {
    CostTracker::new(site.data.clone(), gateway::default_limits(&site.config))
        .with_retry_timeout(site.config.store_retry_timeout)
}
