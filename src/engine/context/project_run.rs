//! One process at work on one project: what it needs to run a stage and its agents.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify, OnceCell};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::error::EngineError;
use super::lease_deadline::LeaseDeadline;
use super::model_settings;
use super::orphans;
use super::site::Site;
use super::stop::StopRequest;
use crate::capacity::Capacity;
use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_core::lease::HeldLease;
use eklavya_core::lease::monitor::LeaseMonitor;
use eklavya_core::project::Project;
use eklavya_gateway::{Gateway, RehearsalRecorder};
use eklavya_services::costs::CostTracker;
use eklavya_services::leases::WorkerId;
use eklavya_services::projects;

/// What a run does if another worker holds the project's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLeased {
    /// Fails, unless the holder turns out to be dead within a few seconds.
    Fail,
    /// Waits until the project is free or the run is stopped.
    Wait,
}

/// The parts of a run besides its site.
#[derive(Debug)]
pub(crate) struct ProjectRunSpec {
    pub cli: ClaudeCli,
    pub stop: StopRequest,
    /// Records the model's answers as a rehearsal.
    pub recorder: Option<Arc<RehearsalRecorder>>,
    pub on_leased: OnLeased,
    pub capacity: Arc<Capacity>,
    /// What the worker has observed of the project's lease so far.
    pub observed_lease: Option<ObservedLease>,
}

/// A lease of another worker and what was observed of it.
#[derive(Debug, Clone)]
pub struct ObservedLease {
    pub(crate) observed_since: Instant,
    pub(crate) watch: LeaseMonitor,
}

impl ObservedLease {
    /// Returns an observation that starts now.
    pub(crate) fn starting_now() -> Self {
        Self {
            observed_since: Instant::now(),
            watch: LeaseMonitor::default(),
        }
    }
}

/// A process that works on one project, with or without its lease.
#[derive(Debug)]
pub struct ProjectRun {
    pub(crate) site: Arc<Site>,
    pub(crate) costs: CostTracker,
    pub(crate) cli: ClaudeCli,
    pub(crate) identity: WorkerId,
    pub(crate) stop: StopRequest,
    pub(crate) on_leased: OnLeased,
    pub(crate) rehearsal: Option<String>,
    pub(crate) capacity: Arc<Capacity>,
    /// Agents of this run that wait for capacity.
    pub(crate) waiting_agents: Mutex<u32>,
    pub(crate) observed_lease: Option<ObservedLease>,
    /// One merge at a time: each is tested on top of the one before.
    pub(crate) merge_lock: Mutex<()>,
    /// Writes of notes that are still in progress.
    pub(crate) note_tasks: TaskTracker,
    /// Notified when an agent has spawned tasks.
    pub(crate) spawn_notify: Arc<Notify>,
    pub(crate) gateway: OnceCell<Gateway>,
    pub(crate) recorder: Option<Arc<RehearsalRecorder>>,
}

impl ProjectRun {
    /// Creates a run that can take the project's lease: see [`crate::lease::hold::with_lease`].
    ///
    /// First ends the agents on this host whose workers have lost their projects.
    pub(crate) async fn start(spec: ProjectRunSpec, site: Site) -> Result<Self, EngineError> {
        let identity = WorkerId::generate();
        orphans::end_orphans_on_host(&site.data, &identity.host).await?;
        site.sandbox.remove_abandoned().await?;
        let rehearsal = model_settings::select_rehearsal(&site.config, site.project());
        Ok(Self {
            costs: cost_tracker(&site),
            site: Arc::new(site),
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
            spawn_notify: Arc::default(),
            gateway: OnceCell::new(),
            recorder: spec.recorder,
        })
    }

    /// Returns this run under `lease`: its writes fail once the lease is lost.
    pub(crate) async fn under_lease(
        &self,
        lease: &HeldLease,
        deadline: Arc<LeaseDeadline>,
    ) -> Result<Self, EngineError> {
        let site = self.site.fenced(lease, deadline).await?;
        Ok(Self {
            costs: cost_tracker(&site),
            site: Arc::new(site),
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
            spawn_notify: Arc::default(),
            gateway: OnceCell::new(),
            recorder: self.recorder.clone(),
        })
    }

    /// Records the rehearsal and whether agents are sandboxed.
    pub(crate) async fn record_conditions(&self) -> Result<(), EngineError> {
        let project = self.site.reload().await?;
        let sandboxed = self.site.is_sandboxed();
        let rehearsal = self.rehearsal.clone();
        projects::record_conditions(&self.site.data, &project, rehearsal, sandboxed).await?;
        Ok(())
    }

    /// Closes the doors of all agents, and waits until costs and notes are written.
    pub(crate) async fn shut_down(&self) {
        if let Some(gateway) = self.gateway.get() {
            gateway.shutdown().await;
        }
        self.note_tasks.close();
        self.note_tasks.wait().await;
    }

    /// Reads the project from the database.
    pub(crate) async fn reload_project(&self) -> Result<Project, EngineError> {
        self.site.reload().await
    }
}

fn cost_tracker(site: &Site) -> CostTracker {
    let limits = model_settings::default_limits(&site.config);
    CostTracker::new(site.data.clone(), limits).with_retry_timeout(site.config.store_retry_timeout)
}
