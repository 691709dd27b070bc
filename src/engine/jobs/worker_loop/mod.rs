//! A background worker: claims jobs and works on several projects at the same time, until it is
//! shut down or no job is left.

mod peers;
mod queue;
mod shutdown;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

pub use shutdown::WorkerShutdown;

use crate::context::error::EngineError;
use crate::context::paths::DataDirectoryPaths;
use crate::context::project_run::ObservedLease;
use crate::context::stop::StopRequest;
use crate::jobs::events::{JobOutcome, WorkerEvent};
use crate::jobs::run_factory::RunFactory;
use eklavya_core::backoff::Backoff;
use eklavya_core::event::{Event, StoredEvent};
use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobEvent};
use eklavya_core::project::Project;
use eklavya_services::event_log::EventReader;
use eklavya_services::leases::WorkerId;
use eklavya_services::workers::{self, WorkerLiveness};
use eklavya_services::{DataStore, ServiceError, jobs};
use eklavya_store::workers::WorkerRecord;

/// The pause between two rounds if no event arrives.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause while the database cannot be used.
const LONGEST_POLL_INTERVAL: Duration = Duration::from_secs(15);
/// How long the loop waits after an event for further events of the same command.
const EVENT_BATCH_DELAY: Duration = Duration::from_millis(20);
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// How long this worker leaves a project alone after its job was queued again: the cause may last.
const REQUEUE_DELAY: Duration = Duration::from_secs(2);

/// What a background worker is made of, besides the factory of its runs.
#[derive(Debug, Clone)]
pub struct WorkerLoopSpec {
    pub identity: WorkerId,
    /// The data directory.
    pub home: PathBuf,
    /// Projects that it works on at the same time; at least 1.
    pub capacity: u32,
    /// Whether the worker exits when no job is left.
    pub until_idle: bool,
    /// How long agents may continue after a drain is requested.
    pub drain_timeout: Duration,
}

/// Claims jobs and works on them, until `stop` is requested or, with `until_idle`, no job is left.
///
/// `on_event` is called on the loop itself, so that every event is reported before the loop returns.
///
/// # Errors
/// The database or the data directory cannot be used at the start. Later the loop waits for the
/// database.
pub async fn run_worker_loop(
    spec: WorkerLoopSpec,
    factory: RunFactory,
    on_event: impl Fn(WorkerEvent<'_>) + Send + Sync + 'static,
    stop: WorkerShutdown,
) -> Result<(), EngineError> {
    let mut worker = WorkerLoop::register(spec, factory, Box::new(on_event), stop).await?;
    while !worker.is_done().await {
        let claimed_any = worker.run_round().await;
        worker.wait_for_work(claimed_any).await;
    }
    let (data, name) = (worker.data(), &worker.record.name);
    if let Err(error) = workers::deregister(data, name, "it ended").await {
        // Other workers notice that the process has ended.
        tracing::warn!("cannot deregister the worker: {error}");
    }
    Ok(())
}

/// A job that this worker works on.
#[derive(Debug)]
struct ActiveJob {
    job: Job,
    project: Project,
    stop: StopRequest,
}

/// A finished job whose outcome is not written yet.
#[derive(Debug)]
struct UnsettledJob {
    job: Job,
    event: JobEvent,
}

type EventSink = Box<dyn Fn(WorkerEvent<'_>) + Send + Sync>;

async fn register_worker(
    data: &DataStore,
    spec: &WorkerLoopSpec,
) -> Result<WorkerRecord, EngineError> {
    let home = spec.home.to_string_lossy();
    let directory = DataDirectoryPaths::new(&spec.home).ensure_identity();
    let directory = directory.map_err(EngineError::io(&spec.home))?;
    let place = (&*home, directory.as_str());
    Ok(workers::register(data, &spec.identity, place, spec.capacity).await?)
}

struct WorkerLoop {
    spec: WorkerLoopSpec,
    factory: RunFactory,
    on_event: EventSink,
    stop: WorkerShutdown,
    record: WorkerRecord,
    liveness: WorkerLiveness,
    /// Leases of other workers on projects with open jobs.
    observed_leases: BTreeMap<ProjectId, ObservedLease>,
    /// Projects whose lease another worker holds that may be alive.
    held_elsewhere: BTreeSet<ProjectId>,
    active_jobs: HashMap<Id, ActiveJob>,
    tasks: JoinSet<JobOutcome>,
    unsettled: Vec<UnsettledJob>,
    resting_until: BTreeMap<ProjectId, Instant>,
    reported_as_skipped: BTreeSet<ProjectId>,
    events: EventReader,
    last_heartbeat: Instant,
    /// Consecutive rounds in which the database could not be used.
    failures: u32,
    /// When agents that still run are interrupted; set once the worker drains.
    drain_deadline: Option<Instant>,
    /// Whether jobs are queued that this worker can take sooner or later.
    jobs_left: bool,
}

impl WorkerLoop {
    async fn register(
        spec: WorkerLoopSpec,
        factory: RunFactory,
        on_event: EventSink,
        stop: WorkerShutdown,
    ) -> Result<Self, EngineError> {
        let data = factory.data();
        let record = register_worker(data, &spec).await?;
        on_event(WorkerEvent::Registered { worker: &record });
        Ok(Self {
            events: EventReader::from_now(data).await?,
            spec,
            factory,
            on_event,
            stop,
            record,
            liveness: WorkerLiveness::default(),
            observed_leases: BTreeMap::new(),
            held_elsewhere: BTreeSet::new(),
            active_jobs: HashMap::new(),
            tasks: JoinSet::new(),
            unsettled: Vec::new(),
            resting_until: BTreeMap::new(),
            reported_as_skipped: BTreeSet::new(),
            last_heartbeat: Instant::now(),
            failures: 0,
            drain_deadline: None,
            jobs_left: true,
        })
    }

    fn data(&self) -> &DataStore {
        self.factory.data()
    }

    async fn is_done(&mut self) -> bool {
        if !self.active_jobs.is_empty() || !self.unsettled.is_empty() {
            return false;
        }
        if self.drain_deadline.is_some() {
            return true;
        }
        if self.jobs_left || !self.spec.until_idle {
            return false;
        }
        self.retire_if_idle().await.unwrap_or(false)
    }

    /// Marks this worker as draining if no job is left. Returns whether it is idle.
    ///
    /// The mark is written before the queue is read: a command first queues its job and then looks
    /// for a worker. Either it finds that this worker drains, or this worker finds the job.
    async fn retire_if_idle(&mut self) -> Result<bool, ServiceError> {
        self.record.draining = true;
        workers::heartbeat(self.factory.data(), &mut self.record).await?;
        let open = jobs::list_open(self.data()).await?;
        let idle = !self.has_queued_jobs(&open).await?;
        if !idle {
            self.record.draining = false;
            workers::heartbeat(self.factory.data(), &mut self.record).await?;
        }
        Ok(idle)
    }

    /// Writes outcomes, observes other workers and claims jobs. Returns whether it claimed any, in
    /// which case the next round starts at once.
    async fn run_round(&mut self) -> bool {
        let done = async {
            self.settle_finished_jobs().await?;
            self.refresh().await?;
            self.claim_jobs().await
        }
        .await;
        match done {
            Ok(claimed_any) => {
                if std::mem::take(&mut self.failures) > 1 {
                    self.report_trouble("the database answers again");
                }
                claimed_any
            }
            Err(error) => {
                self.note_failed_round(&error);
                false
            }
        }
    }

    fn note_failed_round(&mut self, error: &ServiceError) {
        self.failures += 1;
        self.jobs_left = true;
        // Reported once, not in every round, and not if the next round succeeds.
        if self.failures == 2 {
            self.report_trouble(&format!("waiting for the database: {error}"));
        }
    }

    fn report_trouble(&self, message: &str) {
        (self.on_event)(WorkerEvent::Trouble { message });
    }

    /// Waits for the next round: a signal, the end of a job, an event, or the poll interval.
    async fn wait_for_work(&mut self, claimed_any: bool) {
        let until = Instant::now() + self.poll_pause(claimed_any);
        let (stop, is_draining) = (self.stop.clone(), self.drain_deadline.is_some());
        let drained = self.drain_deadline.unwrap_or(until);
        tokio::select! {
            biased;
            () = stop.hard.cancelled(), if !self.are_jobs_killed() => self.kill_jobs(),
            () = stop.drain.cancelled(), if !is_draining => self.start_draining().await,
            Some(ended) = self.tasks.join_next_with_id() => self.finish_job(ended),
            () = sleep_until(drained), if is_draining && self.has_uninterrupted_jobs() => self.interrupt_jobs(),
            () = wait_for_project_event(&mut self.events), if self.failures == 0 => {}
            () = sleep_until(until) => {}
        }
    }

    /// While the database fails, the pause doubles with each round, up to a limit.
    fn poll_pause(&self, claimed_any: bool) -> Duration {
        if claimed_any {
            return Duration::ZERO;
        }
        Backoff::new(POLL_INTERVAL, LONGEST_POLL_INTERVAL).pause_after(self.failures)
    }

    fn finish_job(&mut self, ended: Result<(Id, JobOutcome), JoinError>) {
        let (id, outcome) = ended.unwrap_or_else(|error| {
            let reason = format!("an internal error of Eklavya ended the job: {error}");
            (error.id(), JobOutcome::internal_failure(reason))
        });
        let Some(active) = self.active_jobs.remove(&id) else {
            return;
        };
        (self.on_event)(WorkerEvent::JobEnded {
            job: &active.job,
            project: &active.project,
            outcome: &outcome,
        });
        if matches!(outcome, JobOutcome::Requeued { .. }) {
            let until = Instant::now() + REQUEUE_DELAY;
            self.resting_until.insert(active.project.id, until);
        }
        let (job, event) = (active.job, outcome.into_event());
        self.unsettled.push(UnsettledJob { job, event });
    }
}

/// Waits until a project or one of its jobs changes.
async fn wait_for_project_event(events: &mut EventReader) {
    loop {
        match events.next().await {
            Ok(batch) if batch.iter().any(is_project_event) => {
                // One command writes several events.
                return tokio::time::sleep(EVENT_BATCH_DELAY).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("cannot read the events: {error}");
                tokio::time::sleep(LONGEST_POLL_INTERVAL).await;
            }
        }
    }
}

fn is_project_event(stored: &StoredEvent) -> bool {
    matches!(stored.event, Event::ProjectStatus { .. })
}
