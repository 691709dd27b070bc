//! The queue of jobs: the same tests on both databases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::{FixedClock, SharedClock};
use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobEvent, JobGoal, JobState};
use eklavya_core::project::priority::ProjectPriority;
use eklavya_core::project::{Project, ProjectEvent};
use eklavya_services::leases::WorkerId;
use eklavya_services::projects::NewProject;
use eklavya_services::{DataStore, ServiceError, jobs, projects, workers};
use eklavya_store::{DatabaseLocation, PostgresServer, Store};
use eklavya_testkit::servers::postgres::TestPostgres;
use jiff::Timestamp;

/// Runs `test` on a new database of either kind.
fn on_both_databases(test: impl AsyncFn(QueueFixture)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        test(QueueFixture::at(&DatabaseLocation::File(directory.path().join("eklavya.db"))).await)
            .await;
        let server = PostgresServer::new(&TestPostgres::shared().parse().unwrap(), None).unwrap();
        test(QueueFixture::at(&DatabaseLocation::Server(Box::new(server))).await).await;
    });
}

/// A queue with a clock that the test sets.
struct QueueFixture {
    data: DataStore,
    clock: Arc<FixedClock>,
}

impl QueueFixture {
    async fn at(location: &DatabaseLocation) -> Self {
        let store = Store::create(location).await.unwrap();
        let clock = Arc::new(FixedClock::new(moment(0)));
        let shared: SharedClock = clock.clone();
        Self {
            data: DataStore::new(store, shared),
            clock,
        }
    }

    async fn project(&self, name: &str) -> Project {
        let new = NewProject {
            name: name.to_owned(),
            slug: None,
            client: "Ada".to_owned(),
            brief: b"A page.".to_vec(),
            budget: None,
            rehearsal: None,
        };
        projects::create(&self.data, &AuditActor::System, new)
            .await
            .unwrap()
    }

    async fn request_job(&self, project: &Project, goal: JobGoal) -> Job {
        let asked = jobs::enqueue(&self.data, &AuditActor::System, project, goal).await;
        asked.unwrap().job
    }

    async fn advance(&self, project: &Project, events: &[ProjectEvent]) -> Project {
        let mut project = project.clone();
        for event in events {
            let moved = projects::advance(&self.data, &AuditActor::System, &project, *event).await;
            project = moved.unwrap();
        }
        project
    }

    async fn claim_job(&self, worker: &str) -> Option<(Job, Project)> {
        let none = BTreeSet::new();
        jobs::claim(&self.data, worker, &none, |_| true)
            .await
            .unwrap()
    }

    //// Claims the next job and finishes it after an hour. Returns the slug of its project.
    async fn claim_next(&self) -> Option<String> {
        let (job, project) = self.claim_job("w").await?;
        self.clock
            .set(self.data.now() + jiff::SignedDuration::from_hours(1));
        jobs::end_attempt(&self.data, &job, &JobEvent::Finish)
            .await
            .unwrap();
        Some(project.slug)
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[test]
fn jobs_are_ordered_by_priority_then_share_then_age() {
    on_both_databases(async |queue| {
        let busy = queue.project("busy").await;
        queue.request_job(&busy, JobGoal::Plan).await;
        assert_eq!(queue.claim_next().await.as_deref(), Some("busy"));
        // The project was served recently, so its job comes last although it was requested first.
        queue.request_job(&busy, JobGoal::Plan).await;
        let (old, new, urgent) = (
            queue.project("old").await,
            queue.project("new").await,
            queue.project("urgent").await,
        );
        for project in [&old, &new, &urgent] {
            queue
                .clock
                .set(queue.data.now() + jiff::SignedDuration::from_secs(1));
            queue.request_job(project, JobGoal::Plan).await;
        }
        let high = ProjectPriority::new(9).unwrap();
        jobs::set_priority(&queue.data, &AuditActor::System, &urgent, high)
            .await
            .unwrap();
        let mut order = Vec::new();
        while let Some(slug) = queue.claim_next().await {
            order.push(slug);
        }
        assert_eq!(order, ["urgent", "old", "new", "busy"]);
    });
}

#[test]
fn a_project_has_one_job_for_each_goal_and_runs_one_at_a_time() {
    on_both_databases(async |queue| {
        let shop = queue.project("shop").await;
        let first = queue.request_job(&shop, JobGoal::Plan).await;
        let again = jobs::enqueue(&queue.data, &AuditActor::System, &shop, JobGoal::Plan)
            .await
            .unwrap();
        assert_eq!((again.job.id, again.is_new), (first.id, false));
        let (taken, _) = queue.claim_job("w").await.unwrap();
        // The project reaches another stage before its first job has ended.
        let events = [
            ProjectEvent::StartPlanning,
            ProjectEvent::ProposePlan,
            ProjectEvent::ApprovePlan,
        ];
        let shop = queue.advance(&shop, &events).await;
        queue.request_job(&shop, JobGoal::Demos).await;
        assert_eq!(queue.claim_job("v").await, None);
        let paused = queue.advance(&shop, &[ProjectEvent::Pause]).await;
        jobs::end_attempt(&queue.data, &taken, &JobEvent::Finish)
            .await
            .unwrap();
        assert_eq!(queue.claim_job("v").await, None);
        queue.advance(&paused, &[ProjectEvent::Resume]).await;
        let (next, _) = queue.claim_job("v").await.unwrap();
        assert_eq!((next.goal, next.attempt), (JobGoal::Demos, 1));
    });
}

#[test]
fn skipped_and_unfit_projects_are_left_to_other_workers() {
    on_both_databases(async |queue| {
        let (one, other) = (queue.project("one").await, queue.project("other").await);
        for project in [&one, &other] {
            queue.request_job(project, JobGoal::Plan).await;
        }
        let passed = BTreeSet::from([one.id]);
        let fits = |project: &Project| project.slug != "other";
        assert_eq!(
            jobs::claim(&queue.data, "w", &passed, fits).await.unwrap(),
            None
        );
        let taken = jobs::claim(&queue.data, "w", &passed, |_| true)
            .await
            .unwrap();
        assert_eq!(taken.unwrap().1.slug, "other");
        let taken = jobs::claim(&queue.data, "w", &BTreeSet::new(), fits)
            .await
            .unwrap();
        assert_eq!(taken.unwrap().1.slug, "one");
    });
}

/// A worker that checks a job must not hide it: another worker takes the job while the first one
/// checks whether it fits, and finds that it does not.
#[test]
fn on_postgres_a_job_that_one_worker_checks_can_be_claimed_by_another() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = PostgresServer::new(&TestPostgres::shared().parse().unwrap(), None).unwrap();
        let queue = QueueFixture::at(&DatabaseLocation::Server(Box::new(server))).await;
        let project = queue.project("shop").await;
        queue.request_job(&project, JobGoal::Plan).await;
        let handle = tokio::runtime::Handle::current();
        let other = |name: &str| {
            let claim = || handle.block_on(queue.claim_job(name));
            tokio::task::block_in_place(claim)
        };
        let taken = std::cell::RefCell::new(None);
        let fits = |project: &Project| {
            assert_eq!(project.slug, "shop");
            *taken.borrow_mut() = other("other");
            false
        };
        let claimed = jobs::claim(&queue.data, "w", &BTreeSet::new(), fits).await;
        assert_eq!(claimed.unwrap(), None);
        let (job, _) = taken.take().expect("the check hid the job");
        assert_eq!(job.state.worker().map(|(worker, _)| worker), Some("other"));
    });
}

/// A job that fits is found behind more jobs that do not fit than one query returns.
#[test]
fn a_fitting_job_is_found_behind_any_number_of_unfit_jobs() {
    on_both_databases(async |queue| {
        for number in 0..70 {
            let project = queue.project(&format!("p{number}")).await;
            queue.request_job(&project, JobGoal::Plan).await;
        }
        let last = queue.project("last").await;
        queue
            .clock
            .set(queue.data.now() + jiff::SignedDuration::from_secs(1));
        queue.request_job(&last, JobGoal::Plan).await;
        let fits = |project: &Project| project.slug == "last";
        let none = BTreeSet::new();
        let claim = || jobs::claim(&queue.data, "w", &none, fits);
        assert_eq!(claim().await.unwrap().unwrap().1.slug, "last");
        assert_eq!(claim().await.unwrap(), None);
    });
}

#[test]
fn jobs_for_unreachable_goals_are_refused() {
    on_both_databases(async |queue| {
        let shop = queue.project("shop").await;
        let early = jobs::enqueue(&queue.data, &AuditActor::System, &shop, JobGoal::Build).await;
        assert!(
            matches!(early, Err(ServiceError::GoalUnreachable { .. })),
            "{early:?}"
        );
        let events = [
            ProjectEvent::StartPlanning,
            ProjectEvent::ProposePlan,
            ProjectEvent::ApprovePlan,
            ProjectEvent::StartDemos,
            ProjectEvent::PresentDemos,
            ProjectEvent::ApproveDemo,
        ];
        let shop = queue.advance(&shop, &events).await;
        // The build comes first, and it was not requested.
        let later = jobs::enqueue(&queue.data, &AuditActor::System, &shop, JobGoal::Verify).await;
        assert!(
            matches!(later, Err(ServiceError::GoalUnreachable { .. })),
            "{later:?}"
        );
        queue.request_job(&shop, JobGoal::Build).await;
        queue.request_job(&shop, JobGoal::Verify).await;
        queue.request_job(&shop, JobGoal::Deliver).await;
        let order: Vec<JobGoal> = jobs::list_open(&queue.data)
            .await
            .unwrap()
            .iter()
            .map(|j| j.goal)
            .collect();
        assert_eq!(order.len(), 3);
    });
}

#[test]
fn the_job_of_a_dead_worker_is_requeued_and_the_worker_cannot_end_it() {
    on_both_databases(async |queue| {
        let shop = queue.project("shop").await;
        queue.request_job(&shop, JobGoal::Plan).await;
        let dying = WorkerId::generate();
        workers::register(&queue.data, &dying, ("/home", "d"), 1)
            .await
            .unwrap();
        let (lost, _) = queue.claim_job(&dying.name).await.unwrap();
        let look = jobs::read_snapshot(&queue.data).await.unwrap();
        let (none, nothing) = (BTreeSet::new(), BTreeSet::new());
        let alive = jobs::requeue_lost(&queue.data, &look, &none, &nothing)
            .await
            .unwrap();
        assert_eq!(alive, []);
        let dead = BTreeSet::from([dying.name.clone()]);
        let [back] = &jobs::requeue_lost(&queue.data, &look, &dead, &nothing)
            .await
            .unwrap()[..]
        else {
            panic!("one job is requeued");
        };
        assert!(matches!(
            &back.state,
            JobState::Queued {
                reason: Some(_),
                ..
            }
        ));
        // Another worker with the same snapshot comes too late.
        let late = jobs::requeue_lost(&queue.data, &look, &dead, &nothing)
            .await
            .unwrap();
        assert_eq!(late, []);
        let (taken, _) = queue.claim_job("other").await.unwrap();
        assert_eq!(taken.attempt, 2);
        let written = jobs::end_attempt(&queue.data, &lost, &JobEvent::Finish)
            .await
            .unwrap();
        assert_eq!(written, None);
        // A job of a worker that is not registered is requeued, too.
        let look = jobs::read_snapshot(&queue.data).await.unwrap();
        assert_eq!(look.workers.len(), 1);
        let back = jobs::requeue_lost(&queue.data, &look, &none, &nothing)
            .await
            .unwrap();
        assert_eq!(back.len(), 1);
    });
}

#[test]
fn a_job_that_is_cancelled_while_it_finishes_is_done() {
    on_both_databases(async |queue| {
        let shop = queue.project("shop").await;
        queue.request_job(&shop, JobGoal::Plan).await;
        let (taken, _) = queue.claim_job("w").await.unwrap();
        let found = jobs::find(&queue.data, &taken.id.short()).await.unwrap();
        jobs::cancel(&queue.data, &AuditActor::System, &found)
            .await
            .unwrap();
        let done = jobs::end_attempt(&queue.data, &taken, &JobEvent::Finish)
            .await
            .unwrap();
        assert!(matches!(done.unwrap().state, JobState::Done { .. }));
        let nothing = jobs::find(&queue.data, "").await;
        assert!(
            matches!(nothing, Err(ServiceError::NotFound { .. })),
            "{nothing:?}"
        );
    });
}

#[test]
fn eight_concurrent_workers_claim_every_job_exactly_once() {
    const PROJECTS: usize = 40;
    on_both_databases(async |queue| {
        for number in 0..PROJECTS {
            let project = queue.project(&format!("p{number}")).await;
            queue.request_job(&project, JobGoal::Plan).await;
        }
        let mut install = tokio::task::JoinSet::new();
        for number in 0..8 {
            let data = queue.data.clone();
            install.spawn(async move {
                let (name, none) = (format!("w{number}"), BTreeSet::new());
                let mut taken = Vec::new();
                while let Some((job, _)) = jobs::claim(&data, &name, &none, |_| true).await.unwrap()
                {
                    taken.push(job.project);
                }
                taken
            });
        }
        let mut times: BTreeMap<ProjectId, usize> = BTreeMap::new();
        for project in install.join_all().await.into_iter().flatten() {
            *times.entry(project).or_default() += 1;
        }
        // A job that another worker is claiming is skipped, and that worker claims it.
        assert_eq!(times.len(), PROJECTS);
        assert!(times.values().all(|times| *times == 1), "{times:?}");
    });
}
