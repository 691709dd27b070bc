//! A background worker: it takes jobs and works on several projects at the same time, until it is
//! told to end or nothing is left to do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use crate::jobs::events::{Hands, JobAssignment, JobOutcome, WorkerEvent};

use crate::context::error::EngineError;
use crate::context::paths::DataDirectoryPaths;
use crate::context::project_run::ObservedLease;
use crate::context::stop::{StopReason, StopRequest};
use eklavya_core::backoff::Backoff;
use eklavya_core::event::{Event, StoredEvent};
use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobEvent};
use eklavya_core::project::Project;
use eklavya_services::event_log::EventReader;
use eklavya_services::leases::WorkerId as WorkerIdentity;
use eklavya_services::workers::{self, WorkerLiveness};
use eklavya_services::{DataStore, ServiceError, jobs};
use eklavya_store::workers::WorkerRecord;

/// How often a worker looks for jobs, and for what happened to those that it has.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause while the database cannot be used.
pub(super) const LONGEST_POLL_INTERVAL: Duration = Duration::from_secs(15);
/// How long it waits after news for more of the same.
pub(super) const EVENT_BATCH_DELAY: Duration = Duration::from_millis(20);
/// How often it writes down that it is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a project rests whose job was put down: whatever was in the way may still be.
pub(super) const REQUEUE_DELAY: Duration = Duration::from_secs(2);

/// What a background worker is made of.
#[derive(Debug, Clone)]
pub struct WorkerLoopSpec {
    /// The database, the clock and the bus.
    pub data: DataStore,
    /// This process as a worker.
    pub identity: WorkerIdentity,
    /// The data directory.
    pub home: PathBuf,
    /// Projects that it works on at the same time; at least 1.
    pub capacity: u32,
    /// Whether it ends when nothing is left to do.
    pub until_idle: bool,
    /// How long agents may go on once it is told to end.
    pub drain_timeout: Duration,
}

/// How a background worker is told to end.
#[derive(Debug, Clone, Default)]
pub struct WorkerShutdown {
    /// Take no more jobs, and let agents come to the end of their attempt.
    pub drain: CancellationToken,
    /// Kill them.
    pub hard: CancellationToken,
}

/// Takes jobs and has `hands` work on them, until `stop` says so or nothing is left to do.
///
/// # Errors
/// The database or the data directory cannot be used at the start. Later it waits for the database.
pub async fn run_worker_loop<H: Hands>(
    spec: WorkerLoopSpec,
    hands: Arc<H>,
    stop: WorkerShutdown,
) -> Result<(), EngineError> {
    let home = spec.home.to_string_lossy().into_owned();
    let directory = DataDirectoryPaths::new(&spec.home).ensure_identity();
    let directory = directory.map_err(EngineError::io(&spec.home))?;
    let place = (home.as_str(), directory.as_str());
    let row = workers::register(&spec.data, &spec.identity, place, spec.capacity).await?;
    hands.report_event(WorkerEvent::Registered { worker: &row });
    let news = EventReader::from_now(&spec.data).await?;
    let mut crew = WorkerLoop::new(spec, hands, stop, (row, news));
    while !crew.is_done().await {
        let quick = crew.run_round().await;
        crew.wait_for_work(quick).await;
    }
    let gone = workers::deregister(&crew.spec.data, &crew.record.name, "it ended").await;
    if let Err(error) = gone {
        // Others see that its process is gone.
        tracing::warn!("that the worker ended could not be noted: {error}");
    }
    Ok(())
}

/// A job that is being worked on.
#[derive(Debug)]
pub(super) struct ActiveJob {
    pub(super) job: Job,
    pub(super) project: Project,
    pub(super) stop: StopRequest,
}

/// An end that is still to be written down.
#[derive(Debug)]
pub(super) struct UnsettledJob {
    pub(super) job: Job,
    pub(super) event: JobEvent,
}

pub(super) struct WorkerLoop<H> {
    pub(super) spec: WorkerLoopSpec,
    pub(super) hands: Arc<H>,
    pub(super) stop: WorkerShutdown,
    pub(super) record: WorkerRecord,
    pub(super) liveness: WorkerLiveness,
    /// What was seen of the leases of projects that somebody else holds.
    pub(super) observed_leases: BTreeMap<ProjectId, ObservedLease>,
    /// Projects that somebody else who may live works on.
    pub(super) held_elsewhere: BTreeSet<ProjectId>,
    pub(super) active_jobs: HashMap<Id, ActiveJob>,
    pub(super) tasks: JoinSet<JobOutcome>,
    pub(super) unsettled: Vec<UnsettledJob>,
    pub(super) resting_until: BTreeMap<ProjectId, Instant>,
    /// Projects of which it was said that they are passed over.
    pub(super) reported_as_skipped: BTreeSet<ProjectId>,
    pub(super) events: EventReader,
    pub(super) last_heartbeat: Instant,
    /// How often in a row the database could not be used.
    pub(super) failures: u32,
    /// When agents that still run are interrupted, once it drains.
    pub(super) drain_deadline: Option<Instant>,
    /// Whether jobs wait that this worker could take sooner or later.
    pub(super) jobs_left: bool,
}

impl<H: Hands> WorkerLoop<H> {
    pub(super) fn new(
        spec: WorkerLoopSpec,
        hands: Arc<H>,
        stop: WorkerShutdown,
        (row, news): (WorkerRecord, EventReader),
    ) -> Self {
        Self {
            events: news,
            spec,
            hands,
            stop,
            record: row,
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
        }
    }

    /// Whether the worker ends here.
    pub(super) async fn is_done(&mut self) -> bool {
        if !self.active_jobs.is_empty() || !self.unsettled.is_empty() {
            return false;
        }
        if self.drain_deadline.is_some() {
            return true;
        }
        if self.jobs_left || !self.spec.until_idle {
            return false;
        }
        // Whoever asks for a job looks for a worker afterwards, and finds that this one takes no
        // more; or else this one finds the job.
        let parted = self.retire_if_idle().await;
        parted.unwrap_or(false)
    }

    pub(super) async fn retire_if_idle(&mut self) -> Result<bool, ServiceError> {
        self.record.draining = true;
        workers::heartbeat(&self.spec.data, &mut self.record).await?;
        let open = jobs::list_open(&self.spec.data).await?;
        let idle = !self.has_queued_jobs(&open).await?;
        if !idle {
            self.record.draining = false;
            workers::heartbeat(&self.spec.data, &mut self.record).await?;
        }
        Ok(idle)
    }

    /// Does everything that is to be done now. Returns whether there may be more at once.
    pub(super) async fn run_round(&mut self) -> bool {
        let done = async {
            self.settle_finished_jobs().await?;
            self.refresh().await?;
            self.claim_jobs().await
        }
        .await;
        match done {
            Ok(took) => {
                if std::mem::take(&mut self.failures) > 1 {
                    self.report_trouble("the database answers again");
                }
                took
            }
            Err(error) => {
                self.failures += 1;
                self.jobs_left = true;
                // It is said once, not every second.
                if self.failures == 2 {
                    self.report_trouble(&format!("waiting for the database: {error}"));
                }
                false
            }
        }
    }

    /// Waits until there is something to do.
    pub(super) async fn wait_for_work(&mut self, quick: bool) {
        let backoff = Backoff::new(POLL_INTERVAL, LONGEST_POLL_INTERVAL);
        let pause = if quick {
            Duration::ZERO
        } else {
            backoff.pause_after(self.failures)
        };
        let (until, overdue) = (Instant::now() + pause, self.drain_deadline);
        let (stop, drains) = (self.stop.clone(), overdue.is_some());
        let overdue = overdue.unwrap_or(until);
        tokio::select! {
            biased;
            () = stop.hard.cancelled(), if !self.are_jobs_killed() => self.kill_jobs(),
            () = stop.drain.cancelled(), if !drains => self.start_draining().await,
            Some(ended) = self.tasks.join_next_with_id() => self.finish_job(ended),
            () = sleep_until(overdue), if drains && self.has_uninterrupted_jobs() => self.interrupt_jobs(),
            () = wait_for_project_event(&mut self.events), if self.failures == 0 => {}
            () = sleep_until(until) => {}
        }
    }

    pub(super) fn report_trouble(&self, message: &str) {
        self.hands.report_event(WorkerEvent::Trouble { message });
    }

    /// Takes no more jobs, and lets agents come to the end of their attempt.
    pub(super) async fn start_draining(&mut self) {
        self.drain_deadline = Some(Instant::now() + self.spec.drain_timeout);
        self.record.draining = true;
        self.hands.report_event(WorkerEvent::Draining {
            jobs: self.active_jobs.len(),
            within: self.spec.drain_timeout,
        });
        for work in self.active_jobs.values() {
            work.stop.drain(StopReason::Drained);
        }
        if let Err(error) = workers::heartbeat(&self.spec.data, &mut self.record).await {
            tracing::warn!("that the worker drains could not be noted: {error}");
        }
    }

    pub(super) fn has_uninterrupted_jobs(&self) -> bool {
        let patient = |work: &ActiveJob| !work.stop.is_interrupted();
        self.active_jobs.values().any(patient)
    }

    pub(super) fn interrupt_jobs(&self) {
        for work in self.active_jobs.values() {
            work.stop.interrupt(StopReason::Drained);
        }
    }

    pub(super) fn are_jobs_killed(&self) -> bool {
        self.active_jobs.values().all(|work| work.stop.is_killed())
    }

    pub(super) fn kill_jobs(&self) {
        for work in self.active_jobs.values() {
            work.stop.kill(StopReason::Drained);
        }
    }

    pub(super) fn finish_job(&mut self, ended: Result<(Id, JobOutcome), JoinError>) {
        let (id, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let reason = format!("the job ended in a fault of Eklavya: {error}");
                (error.id(), JobOutcome::internal_failure(reason))
            }
        };
        let Some(work) = self.active_jobs.remove(&id) else {
            return;
        };
        self.hands.report_event(WorkerEvent::JobEnded {
            job: &work.job,
            project: &work.project,
            end: &end,
        });
        if matches!(end, JobOutcome::Requeued { .. }) {
            let rested = Instant::now() + REQUEUE_DELAY;
            self.resting_until.insert(work.project.id, rested);
        }
        let (job, event) = (work.job, end.into_event());
        self.unsettled.push(UnsettledJob { job, event });
    }
}

/// Waits for news that a project, or a job of one, has changed.
async fn wait_for_project_event(news: &mut EventReader) {
    loop {
        match news.next().await {
            Ok(told) if told.iter().any(is_project_event) => {
                // What one command does comes as several pieces.
                return tokio::time::sleep(EVENT_BATCH_DELAY).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the news cannot be read: {error}");
                tokio::time::sleep(LONGEST_POLL_INTERVAL).await;
            }
        }
    }
}

fn is_project_event(told: &StoredEvent) -> bool {
    matches!(told.event, Event::ProjectStatus { .. })
}
