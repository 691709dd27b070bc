//! The queue of jobs behaves the same on both databases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use eklavya_core::clock::{FixedClock, SharedClock};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::job::{Goal, Job, JobEvent, JobState};
use eklavya_core::domain::priority::Priority;
use eklavya_core::domain::project::{Project, ProjectEvent};
use eklavya_services::leases::Worker;
use eklavya_services::projects::NewProject;
use eklavya_services::{Desk, ServiceError, jobs, projects, workers};
use eklavya_store::{Location, Server, Store};
use jiff::Timestamp;

use crate::postgres::Postgres;

/// Runs `test` on a new database of either kind.
fn on_both(test: impl AsyncFn(Queue)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let place = tempfile::tempdir().unwrap();
        test(Queue::at(&Location::File(place.path().join("eklavya.db"))).await).await;
        let server = Server::new(&Postgres::shared().parse().unwrap(), None).unwrap();
        test(Queue::at(&Location::Server(Box::new(server))).await).await;
    });
}

/// A queue, and a clock that the test sets.
struct Queue {
    desk: Desk,
    clock: Arc<FixedClock>,
}

impl Queue {
    async fn at(location: &Location) -> Self {
        let store = Store::create(location).await.unwrap();
        let clock = Arc::new(FixedClock::new(moment(0)));
        let shared: SharedClock = clock.clone();
        Self {
            desk: Desk::new(store, shared),
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
        projects::create(&self.desk, &Actor::System, new)
            .await
            .unwrap()
    }

    async fn ask(&self, project: &Project, goal: Goal) -> Job {
        let asked = jobs::ask(&self.desk, &Actor::System, project, goal).await;
        asked.unwrap().job
    }

    async fn advance(&self, project: &Project, events: &[ProjectEvent]) -> Project {
        let mut project = project.clone();
        for event in events {
            let moved = projects::advance(&self.desk, &Actor::System, &project, *event).await;
            project = moved.unwrap();
        }
        project
    }

    async fn claim(&self, worker: &str) -> Option<(Job, Project)> {
        let nobody = BTreeSet::new();
        jobs::claim(&self.desk, worker, &nobody, |_| true)
            .await
            .unwrap()
    }

    /// Takes whatever is next, for an hour.
    async fn serve(&self) -> Option<String> {
        let (job, project) = self.claim("w").await?;
        self.clock
            .set(self.desk.now() + jiff::SignedDuration::from_hours(1));
        jobs::settle(&self.desk, &job, &JobEvent::Finish)
            .await
            .unwrap();
        Some(project.slug)
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[test]
fn the_highest_priority_comes_first_then_who_had_least_then_the_oldest() {
    on_both(async |queue| {
        let busy = queue.project("busy").await;
        queue.ask(&busy, Goal::Plan).await;
        assert_eq!(queue.serve().await.as_deref(), Some("busy"));
        // It was served lately, so that it comes last although it is asked for first.
        queue.ask(&busy, Goal::Plan).await;
        let (old, new, urgent) = (
            queue.project("old").await,
            queue.project("new").await,
            queue.project("urgent").await,
        );
        for project in [&old, &new, &urgent] {
            queue
                .clock
                .set(queue.desk.now() + jiff::SignedDuration::from_secs(1));
            queue.ask(project, Goal::Plan).await;
        }
        let high = Priority::new(9).unwrap();
        jobs::set_priority(&queue.desk, &Actor::System, &urgent, high)
            .await
            .unwrap();
        let mut order = Vec::new();
        while let Some(slug) = queue.serve().await {
            order.push(slug);
        }
        assert_eq!(order, ["urgent", "old", "new", "busy"]);
    });
}

#[test]
fn a_project_has_one_job_for_a_goal_and_one_under_way() {
    on_both(async |queue| {
        let shop = queue.project("shop").await;
        let first = queue.ask(&shop, Goal::Plan).await;
        let again = jobs::ask(&queue.desk, &Actor::System, &shop, Goal::Plan)
            .await
            .unwrap();
        assert_eq!((again.job.id, again.is_new), (first.id, false));
        let (taken, _) = queue.claim("w").await.unwrap();
        // Where it may come to another stage before it is done.
        let events = [
            ProjectEvent::StartPlanning,
            ProjectEvent::ProposePlan,
            ProjectEvent::ApprovePlan,
        ];
        let shop = queue.advance(&shop, &events).await;
        queue.ask(&shop, Goal::Demos).await;
        assert_eq!(queue.claim("v").await, None);
        let paused = queue.advance(&shop, &[ProjectEvent::Pause]).await;
        jobs::settle(&queue.desk, &taken, &JobEvent::Finish)
            .await
            .unwrap();
        assert_eq!(queue.claim("v").await, None);
        queue.advance(&paused, &[ProjectEvent::Resume]).await;
        let (next, _) = queue.claim("v").await.unwrap();
        assert_eq!((next.goal, next.attempt), (Goal::Demos, 1));
    });
}

#[test]
fn who_is_passed_over_and_who_does_not_fit_is_left_to_others() {
    on_both(async |queue| {
        let (one, other) = (queue.project("one").await, queue.project("other").await);
        for project in [&one, &other] {
            queue.ask(project, Goal::Plan).await;
        }
        let passed = BTreeSet::from([one.id]);
        let fits = |project: &Project| project.slug != "other";
        assert_eq!(
            jobs::claim(&queue.desk, "w", &passed, fits).await.unwrap(),
            None
        );
        let taken = jobs::claim(&queue.desk, "w", &passed, |_| true)
            .await
            .unwrap();
        assert_eq!(taken.unwrap().1.slug, "other");
        let taken = jobs::claim(&queue.desk, "w", &BTreeSet::new(), fits)
            .await
            .unwrap();
        assert_eq!(taken.unwrap().1.slug, "one");
    });
}

#[test]
fn what_a_project_cannot_come_to_is_refused() {
    on_both(async |queue| {
        let shop = queue.project("shop").await;
        let early = jobs::ask(&queue.desk, &Actor::System, &shop, Goal::Build).await;
        assert!(
            matches!(early, Err(ServiceError::OutOfReach { .. })),
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
        // The build comes before, and nobody has asked for that.
        let later = jobs::ask(&queue.desk, &Actor::System, &shop, Goal::Verify).await;
        assert!(
            matches!(later, Err(ServiceError::OutOfReach { .. })),
            "{later:?}"
        );
        queue.ask(&shop, Goal::Build).await;
        queue.ask(&shop, Goal::Verify).await;
        queue.ask(&shop, Goal::Deliver).await;
        let order: Vec<Goal> = jobs::open(&queue.desk)
            .await
            .unwrap()
            .iter()
            .map(|j| j.goal)
            .collect();
        assert_eq!(order.len(), 3);
    });
}

#[test]
fn a_dead_worker_s_job_goes_back_and_it_cannot_write_of_it_any_more() {
    on_both(async |queue| {
        let shop = queue.project("shop").await;
        queue.ask(&shop, Goal::Plan).await;
        let dying = Worker::this();
        workers::register(&queue.desk, &dying, ("/home", "d"), 1)
            .await
            .unwrap();
        let (lost, _) = queue.claim(&dying.name).await.unwrap();
        let look = jobs::look(&queue.desk).await.unwrap();
        let (nobody, nothing) = (BTreeSet::new(), BTreeSet::new());
        let alive = jobs::take_back(&queue.desk, &look, &nobody, &nothing)
            .await
            .unwrap();
        assert_eq!(alive, []);
        let dead = BTreeSet::from([dying.name.clone()]);
        let [back] = &jobs::take_back(&queue.desk, &look, &dead, &nothing)
            .await
            .unwrap()[..]
        else {
            panic!("one job goes back");
        };
        assert!(matches!(
            &back.state,
            JobState::Queued {
                reason: Some(_),
                ..
            }
        ));
        // Another one who saw the same comes too late.
        let late = jobs::take_back(&queue.desk, &look, &dead, &nothing)
            .await
            .unwrap();
        assert_eq!(late, []);
        let (taken, _) = queue.claim("heir").await.unwrap();
        assert_eq!(taken.attempt, 2);
        let written = jobs::settle(&queue.desk, &lost, &JobEvent::Finish)
            .await
            .unwrap();
        assert_eq!(written, None);
        // One that has struck itself off cannot be at a job either.
        let look = jobs::look(&queue.desk).await.unwrap();
        assert_eq!(look.workers.len(), 1);
        let back = jobs::take_back(&queue.desk, &look, &nobody, &nothing)
            .await
            .unwrap();
        assert_eq!(back.len(), 1);
    });
}

#[test]
fn a_job_that_is_cancelled_while_it_ends_has_ended() {
    on_both(async |queue| {
        let shop = queue.project("shop").await;
        queue.ask(&shop, Goal::Plan).await;
        let (taken, _) = queue.claim("w").await.unwrap();
        let found = jobs::find(&queue.desk, &taken.id.short()).await.unwrap();
        jobs::cancel(&queue.desk, &Actor::System, &found)
            .await
            .unwrap();
        let done = jobs::settle(&queue.desk, &taken, &JobEvent::Finish)
            .await
            .unwrap();
        assert!(matches!(done.unwrap().state, JobState::Done { .. }));
        let nothing = jobs::find(&queue.desk, "").await;
        assert!(
            matches!(nothing, Err(ServiceError::NotFound { .. })),
            "{nothing:?}"
        );
    });
}

#[test]
fn eight_workers_take_each_job_once_and_all_of_them() {
    const PROJECTS: usize = 40;
    on_both(async |queue| {
        for number in 0..PROJECTS {
            let project = queue.project(&format!("p{number}")).await;
            queue.ask(&project, Goal::Plan).await;
        }
        let mut crew = tokio::task::JoinSet::new();
        for number in 0..8 {
            let desk = queue.desk.clone();
            crew.spawn(async move {
                let (name, nobody) = (format!("w{number}"), BTreeSet::new());
                let mut taken = Vec::new();
                while let Some((job, _)) =
                    jobs::claim(&desk, &name, &nobody, |_| true).await.unwrap()
                {
                    taken.push(job.project);
                }
                taken
            });
        }
        let mut times: BTreeMap<ProjectId, usize> = BTreeMap::new();
        for project in crew.join_all().await.into_iter().flatten() {
            *times.entry(project).or_default() += 1;
        }
        // One that another worker has its hand on is passed over, and taken by that one.
        assert_eq!(times.len(), PROJECTS);
        assert!(times.values().all(|times| *times == 1), "{times:?}");
    });
}
