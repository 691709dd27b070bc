//! A background worker: it takes jobs and works on several projects at the same time, until it is
//! told to end or nothing is left to do.

mod hands;
mod others;
mod queue;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use hands::{CrewNews, Hands, JobEnd, Order};

use super::error::WorkflowError;
use super::paths::Paths;
use super::stop::{Stop, StopReason};
use super::worker::Watched;
use eklavya_core::domain::event::{Event, StoredEvent};
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::job::{Job, JobEvent};
use eklavya_core::domain::project::Project;
use eklavya_services::leases::Worker as WorkerIdentity;
use eklavya_services::news::Follower;
use eklavya_services::workers::{self, Watch};
use eklavya_services::{Desk, ServiceError, jobs};
use eklavya_store::workers::WorkerRow;

/// How often a worker looks for jobs, and for what happened to those that it has.
const ROUND: Duration = Duration::from_secs(1);
/// The longest pause while the database cannot be used.
const LONGEST_ROUND: Duration = Duration::from_secs(15);
/// How long it waits after news for more of the same.
const BREATH: Duration = Duration::from_millis(20);
/// How often it writes down that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a project rests whose job was put down: whatever was in the way may still be.
const REST: Duration = Duration::from_secs(2);

/// What a background worker is made of.
#[derive(Debug, Clone)]
pub struct CrewSpec {
    /// The database, the clock and the bus.
    pub desk: Desk,
    /// This process as a worker.
    pub identity: WorkerIdentity,
    /// The data directory.
    pub home: PathBuf,
    /// Projects that it works on at the same time; at least 1.
    pub capacity: u32,
    /// Whether it ends when nothing is left to do.
    pub until_idle: bool,
    /// How long agents may go on once it is told to end.
    pub drain: Duration,
}

/// How a background worker is told to end.
#[derive(Debug, Clone, Default)]
pub struct CrewStop {
    /// Take no more jobs, and let agents come to the end of their attempt.
    pub drain: CancellationToken,
    /// Kill them.
    pub hard: CancellationToken,
}

/// Takes jobs and has `hands` work on them, until `stop` says so or nothing is left to do.
///
/// # Errors
/// The database or the data directory cannot be used at the start. Later it waits for the database.
pub async fn run<H: Hands>(
    spec: CrewSpec,
    hands: Arc<H>,
    stop: CrewStop,
) -> Result<(), WorkflowError> {
    let home = spec.home.to_string_lossy().into_owned();
    let directory = Paths::new(&spec.home).identity();
    let directory = directory.map_err(WorkflowError::io(&spec.home))?;
    let place = (home.as_str(), directory.as_str());
    let row = workers::register(&spec.desk, &spec.identity, place, spec.capacity).await?;
    hands.tell(CrewNews::Registered { worker: &row });
    let news = Follower::from_now(&spec.desk).await?;
    let mut crew = Crew::new(spec, hands, stop, (row, news));
    while !crew.is_done().await {
        let quick = crew.round().await;
        crew.rest(quick).await;
    }
    let gone = workers::strike_off(&crew.spec.desk, &crew.row.name, "it ended").await;
    if let Err(error) = gone {
        // Others see that its process is gone.
        tracing::warn!("that the worker ended could not be noted: {error}");
    }
    Ok(())
}

/// A job that is being worked on.
#[derive(Debug)]
struct AtWork {
    job: Job,
    project: Project,
    stop: Stop,
}

/// An end that is still to be written down.
#[derive(Debug)]
struct Unsettled {
    job: Job,
    event: JobEvent,
}

struct Crew<H> {
    spec: CrewSpec,
    hands: Arc<H>,
    stop: CrewStop,
    row: WorkerRow,
    watch: Watch,
    /// What was seen of the leases of projects that somebody else holds.
    leases: BTreeMap<ProjectId, Watched>,
    /// Projects that somebody else who may live works on.
    held: BTreeSet<ProjectId>,
    at_work: HashMap<Id, AtWork>,
    tasks: JoinSet<JobEnd>,
    unsettled: Vec<Unsettled>,
    resting: BTreeMap<ProjectId, Instant>,
    /// Projects of which it was said that they are passed over.
    strange: BTreeSet<ProjectId>,
    news: Follower,
    beaten: Instant,
    /// How often in a row the database could not be used.
    failures: u32,
    /// When agents that still run are interrupted, once it drains.
    drained_at: Option<Instant>,
    /// Whether jobs wait that this worker could take sooner or later.
    left: bool,
}

impl<H: Hands> Crew<H> {
    fn new(
        spec: CrewSpec,
        hands: Arc<H>,
        stop: CrewStop,
        (row, news): (WorkerRow, Follower),
    ) -> Self {
        Self {
            news,
            spec,
            hands,
            stop,
            row,
            watch: Watch::default(),
            leases: BTreeMap::new(),
            held: BTreeSet::new(),
            at_work: HashMap::new(),
            tasks: JoinSet::new(),
            unsettled: Vec::new(),
            resting: BTreeMap::new(),
            strange: BTreeSet::new(),
            beaten: Instant::now(),
            failures: 0,
            drained_at: None,
            left: true,
        }
    }

    /// Whether the worker ends here.
    async fn is_done(&mut self) -> bool {
        if !self.at_work.is_empty() || !self.unsettled.is_empty() {
            return false;
        }
        if self.drained_at.is_some() {
            return true;
        }
        if self.left || !self.spec.until_idle {
            return false;
        }
        // Whoever asks for a job looks for a worker afterwards, and finds that this one takes no
        // more; or else this one finds the job.
        let parted = self.part().await;
        parted.unwrap_or(false)
    }

    async fn part(&mut self) -> Result<bool, ServiceError> {
        self.row.draining = true;
        workers::beat(&self.spec.desk, &mut self.row).await?;
        let open = jobs::open(&self.spec.desk).await?;
        let idle = !self.is_anything_left(&open).await?;
        if !idle {
            self.row.draining = false;
            workers::beat(&self.spec.desk, &mut self.row).await?;
        }
        Ok(idle)
    }

    /// Does everything that is to be done now. Returns whether there may be more at once.
    async fn round(&mut self) -> bool {
        let done = async {
            self.settle_all().await?;
            self.look().await?;
            self.take_jobs().await
        }
        .await;
        match done {
            Ok(took) => {
                if std::mem::take(&mut self.failures) > 1 {
                    self.tell_trouble("the database answers again");
                }
                took
            }
            Err(error) => {
                self.failures += 1;
                self.left = true;
                // It is said once, not every second.
                if self.failures == 2 {
                    self.tell_trouble(&format!("waiting for the database: {error}"));
                }
                false
            }
        }
    }

    /// Waits until there is something to do.
    async fn rest(&mut self, quick: bool) {
        let round = ROUND.saturating_mul(1 << self.failures.min(4));
        let pause = if quick {
            Duration::ZERO
        } else {
            round.min(LONGEST_ROUND)
        };
        let (until, overdue) = (Instant::now() + pause, self.drained_at);
        let (stop, drains) = (self.stop.clone(), overdue.is_some());
        let overdue = overdue.unwrap_or(until);
        tokio::select! {
            biased;
            () = stop.hard.cancelled(), if !self.is_hard() => self.kill(),
            () = stop.drain.cancelled(), if !drains => self.drain().await,
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
            () = sleep_until(overdue), if drains && self.has_patience() => self.interrupt(),
            () = news_of_a_project(&mut self.news), if self.failures == 0 => {}
            () = sleep_until(until) => {}
        }
    }

    fn tell_trouble(&self, message: &str) {
        self.hands.tell(CrewNews::Trouble { message });
    }

    /// Takes no more jobs, and lets agents come to the end of their attempt.
    async fn drain(&mut self) {
        self.drained_at = Some(Instant::now() + self.spec.drain);
        self.row.draining = true;
        self.hands.tell(CrewNews::Draining {
            jobs: self.at_work.len(),
            within: self.spec.drain,
        });
        for work in self.at_work.values() {
            work.stop.drain(StopReason::Drained);
        }
        if let Err(error) = workers::beat(&self.spec.desk, &mut self.row).await {
            tracing::warn!("that the worker drains could not be noted: {error}");
        }
    }

    fn has_patience(&self) -> bool {
        let patient = |work: &AtWork| !work.stop.is_soft();
        self.at_work.values().any(patient)
    }

    fn interrupt(&self) {
        for work in self.at_work.values() {
            work.stop.softly(StopReason::Drained);
        }
    }

    fn is_hard(&self) -> bool {
        self.at_work.values().all(|work| work.stop.is_hard())
    }

    fn kill(&self) {
        for work in self.at_work.values() {
            work.stop.hard(StopReason::Drained);
        }
    }

    fn ended(&mut self, ended: Result<(Id, JobEnd), JoinError>) {
        let (id, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let reason = format!("the job ended in a fault of Eklavya: {error}");
                (error.id(), JobEnd::failed(reason))
            }
        };
        let Some(work) = self.at_work.remove(&id) else {
            return;
        };
        self.hands.tell(CrewNews::Ended {
            job: &work.job,
            project: &work.project,
            end: &end,
        });
        if matches!(end, JobEnd::PutDown { .. }) {
            let rested = Instant::now() + REST;
            self.resting.insert(work.project.id, rested);
        }
        let (job, event) = (work.job, end.into_event());
        self.unsettled.push(Unsettled { job, event });
    }
}

/// Waits for news that a project, or a job of one, has changed.
async fn news_of_a_project(news: &mut Follower) {
    loop {
        match news.next().await {
            Ok(told) if told.iter().any(is_of_a_project) => {
                // What one command does comes as several pieces.
                return tokio::time::sleep(BREATH).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the news cannot be read: {error}");
                tokio::time::sleep(LONGEST_ROUND).await;
            }
        }
    }
}

fn is_of_a_project(told: &StoredEvent) -> bool {
    matches!(told.event, Event::ProjectStatus { .. })
}
