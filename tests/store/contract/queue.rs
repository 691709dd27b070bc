//! The state of background workers: jobs, priorities, workers, projects that wait for capacity.

use std::collections::BTreeSet;

use eklavya_core::ids::{JobId, ProjectId};
use eklavya_core::job::{Job, JobGoal, JobState};
use eklavya_core::lease::LeaseHolder;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_core::project::priority::ProjectPriority;
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_store::capacity_waits::CapacityWait;
use eklavya_store::workers::WorkerRecord;
use eklavya_store::{
    SqlTransaction, Store, capacity_waits, jobs, leases, priorities, project_status, projects,
    workers,
};

use super::on_each;
use crate::fixtures::project_records::{self, HOSTILE, timestamp_at};

#[tokio::test]
async fn jobs_and_workers_are_stored_on_each_database() {
    on_each![
        jobs_are_kept,
        the_next_job_is_the_one_that_is_due,
        a_job_is_taken_by_one_of_many,
        priorities_are_kept,
        an_isolation_is_kept,
        workers_are_kept,
        capacity_waits_are_shown_only_for_the_lease_holder,
    ];
}

fn job(project: ProjectId, goal: JobGoal, second: i64) -> Job {
    Job {
        id: JobId::random(),
        project,
        goal,
        state: JobState::Queued {
            since: timestamp_at(second),
            reason: Some(HOSTILE.concat()),
        },
        priority: ProjectPriority::default(),
        used_micros: 0,
        worked_micros: 0,
        requested_by: HOSTILE[6].to_owned(),
        attempt: 0,
        version: 1,
        created_at: timestamp_at(second),
        started_at: None,
        ended_at: None,
    }
}

async fn project(tx: &mut SqlTransaction, number: u32) -> Project {
    let project = project_records::project(number, &format!("shop-{number}"));
    projects::insert(tx, &project).await.unwrap();
    project
}

fn priority(number: u32) -> ProjectPriority {
    ProjectPriority::new(number).unwrap()
}

async fn jobs_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project(&mut tx, 1).await.id;
    let (mut plan, build) = (
        job(project, JobGoal::Plan, 1),
        job(project, JobGoal::Build, 0),
    );
    assert!(jobs::insert(&mut tx, &plan).await.unwrap());
    assert!(jobs::insert(&mut tx, &build).await.unwrap());
    let again = jobs::insert(&mut tx, &job(project, JobGoal::Plan, 2)).await;
    assert!(!again.unwrap(), "a goal has two open jobs");
    let all = jobs::all(&mut tx).await.unwrap();
    assert_eq!(all, [build.clone(), plan.clone()]);
    assert_eq!(jobs::of_project(&mut tx, project).await.unwrap(), all);
    assert_eq!(
        jobs::of_project(&mut tx, ProjectId::random())
            .await
            .unwrap(),
        []
    );
    plan.state = JobState::Failed {
        at: timestamp_at(3),
        reason: HOSTILE.concat(),
        exit_code: u8::MAX,
    };
    (plan.used_micros, plan.worked_micros) = (i64::MAX, 1 << 40);
    plan.attempt = u32::MAX;
    (plan.started_at, plan.ended_at) = (Some(timestamp_at(2)), Some(timestamp_at(3)));
    assert!(jobs::update(&mut tx, &plan).await.unwrap());
    assert!(
        !jobs::update(&mut tx, &plan).await.unwrap(),
        "a stale version was written"
    );
    plan.version += 1;
    assert_eq!(
        jobs::by_id(&mut tx, plan.id).await.unwrap(),
        Some(plan.clone())
    );
    let whole = plan.id.to_string().to_uppercase();
    assert_eq!(jobs::by_prefix(&mut tx, &whole).await.unwrap(), [plan]);
    assert_eq!(jobs::by_prefix(&mut tx, "%").await.unwrap(), []);
    let open = jobs::find_open(&mut tx, project, JobGoal::Build)
        .await
        .unwrap();
    assert_eq!(open, Some(build.clone()));
    assert_eq!(
        jobs::find_open(&mut tx, project, JobGoal::Plan)
            .await
            .unwrap(),
        None
    );
    assert_eq!(jobs::list_open(&mut tx).await.unwrap(), [build]);
    for (since, worked) in [(2, 1 << 40), (3, 0)] {
        let found = jobs::worked_since(&mut tx, project, timestamp_at(since)).await;
        assert_eq!(found.unwrap(), worked);
    }
    // A goal whose job has ended can get another job.
    let another = job(project, JobGoal::Plan, 4);
    assert!(jobs::insert(&mut tx, &another).await.unwrap());
}

async fn the_next_job_is_the_one_that_is_due(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let none = BTreeSet::new();
    assert_eq!(jobs::next_queued(&mut tx, &none).await.unwrap(), None);
    assert_eq!(jobs::next_projects(&mut tx, &none).await.unwrap(), []);
    let mut halted = project(&mut tx, 1).await;
    halted.state = ProjectState::Paused {
        stage: ProjectStage::Building,
        since: timestamp_at(0),
    };
    assert!(projects::update(&mut tx, &halted).await.unwrap());
    let mut ids = Vec::new();
    for number in 2..=4 {
        ids.push(project(&mut tx, number).await.id);
    }
    // From the oldest to the newest job: one of a paused project, one of a project that used much
    // time, one of a project that used less, and two of a project with a high priority.
    let mut much = job(ids[0], JobGoal::Build, 1);
    much.used_micros = 2;
    let mut less = job(ids[1], JobGoal::Build, 2);
    less.used_micros = 1;
    let urgent = [
        job(ids[2], JobGoal::Build, 3),
        job(ids[2], JobGoal::Plan, 4),
    ];
    for job in [
        &job(halted.id, JobGoal::Plan, 0),
        &much,
        &less,
        &urgent[1],
        &urgent[0],
    ] {
        assert!(jobs::insert(&mut tx, job).await.unwrap());
    }
    jobs::set_priority(&mut tx, ids[2], priority(9))
        .await
        .unwrap();
    let all: BTreeSet<ProjectId> = ids.iter().copied().chain([halted.id]).collect();
    let mut next = async |passed_over: &[ProjectId]| {
        let passed_over = passed_over.iter().copied().collect();
        let due = jobs::next_projects(&mut tx, &passed_over).await.unwrap();
        let among = &all - &passed_over;
        let found = jobs::next_queued(&mut tx, &among).await.unwrap();
        let due: Vec<ProjectId> = due.iter().map(|project| project.id).collect();
        (found.map(|job| job.id), due)
    };
    let (first, second, third) = (ids[2], ids[1], ids[0]);
    let due = vec![first, second, third];
    assert_eq!(next(&[]).await, (Some(urgent[0].id), due.clone()));
    assert_eq!(next(&[first]).await, (Some(less.id), vec![second, third]));
    assert_eq!(next(&[first, second]).await, (Some(much.id), vec![third]));
    assert_eq!(next(&ids).await, (None, vec![]));
    let mut taken = urgent[0].clone();
    taken.state = JobState::Running {
        worker: "w".to_owned(),
        since: timestamp_at(5),
    };
    assert!(jobs::update(&mut tx, &taken).await.unwrap());
    let found = jobs::next_queued(&mut tx, &all).await.unwrap().unwrap();
    assert_eq!(found.id, less.id, "a project has two running jobs");
    let due = jobs::next_projects(&mut tx, &none).await.unwrap();
    assert_eq!(due[0].id, second, "a project has two running jobs");
}

async fn a_job_is_taken_by_one_of_many(store: &Store) {
    const JOBS: u32 = 5;
    let mut tx = store.begin_write().await.unwrap();
    let mut all = BTreeSet::new();
    for number in 1..=JOBS {
        let project = project(&mut tx, number).await;
        all.insert(project.id);
        let job = job(project.id, JobGoal::Plan, number.into());
        assert!(jobs::insert(&mut tx, &job).await.unwrap());
    }
    tx.commit().await.unwrap();
    let mut takers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (store, all) = (store.clone(), all.clone());
        takers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let mut tx = store.begin_write().await.unwrap();
                let found = jobs::next_queued(&mut tx, &all).await.unwrap();
                let Some(mut job) = found else { return taken };
                job.state = JobState::Running {
                    worker: number.to_string(),
                    since: timestamp_at(9),
                };
                // No other worker took the job in between.
                assert!(jobs::update(&mut tx, &job).await.unwrap());
                tx.commit().await.unwrap();
                taken.push(job.id.0);
            }
        });
    }
    let mut taken: Vec<_> = takers.join_all().await.concat();
    taken.sort();
    taken.dedup();
    let mut tx = store.begin_read().await.unwrap();
    let open = jobs::list_open(&mut tx).await.unwrap();
    let running = open.iter().filter(|job| job.state.status() == "running");
    assert_eq!((taken.len(), running.count()), (5, 5));
}

async fn priorities_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project(&mut tx, 1).await.id;
    assert_eq!(
        priorities::of_project(&mut tx, project).await.unwrap(),
        ProjectPriority::default()
    );
    for number in [1, 9] {
        priorities::set(&mut tx, project, priority(number))
            .await
            .unwrap();
        let found = priorities::of_project(&mut tx, project).await.unwrap();
        assert_eq!(found, priority(number));
    }
    let overviews = projects::list_summaries(&mut tx).await.unwrap();
    assert_eq!(overviews[0].priority, priority(9));
}

async fn an_isolation_is_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project(&mut tx, 1).await;
    for isolation in [
        Some(IsolationKind::Docker),
        Some(IsolationKind::Bubblewrap),
        None,
    ] {
        projects::set_isolation(&mut tx, project.id, isolation)
            .await
            .unwrap();
        let found = projects::by_id(&mut tx, project.id).await.unwrap().unwrap();
        assert_eq!((found.isolation, found.version), (isolation, 1));
        let overviews = projects::list_summaries(&mut tx).await.unwrap();
        assert_eq!(overviews[0].isolation, isolation);
    }
}

async fn workers_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let worker = |name: &str, second| WorkerRecord {
        name: name.to_owned(),
        host: HOSTILE[2].to_owned(),
        machine: HOSTILE[6].to_owned(),
        pid: u32::MAX,
        process_start: i64::MAX,
        home: HOSTILE[5].to_owned(),
        directory: HOSTILE[0].to_owned(),
        capacity: 4,
        draining: false,
        started_at: timestamp_at(second),
        heartbeat: timestamp_at(second),
    };
    let (mut late, upper, lower) = (worker("a", 2), worker("Z", 1), worker("b", 1));
    for worker in [&late, &lower, &upper] {
        workers::put(&mut tx, worker).await.unwrap();
    }
    (late.draining, late.heartbeat) = (true, timestamp_at(9));
    workers::put(&mut tx, &late).await.unwrap();
    let all = workers::all(&mut tx).await.unwrap();
    assert_eq!(all, [upper.clone(), lower, late.clone()]);
    workers::remove(&mut tx, "b").await.unwrap();
    assert_eq!(workers::all(&mut tx).await.unwrap(), [upper, late]);
}

async fn capacity_waits_are_shown_only_for_the_lease_holder(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project(&mut tx, 1).await.id;
    let wait = CapacityWait {
        project,
        worker: "w".to_owned(),
        agents: u32::MAX,
        reason: HOSTILE.concat(),
        since: timestamp_at(1),
    };
    let again = CapacityWait {
        agents: 1,
        ..wait.clone()
    };
    for wait in [&wait, &again] {
        capacity_waits::put(&mut tx, wait).await.unwrap();
    }
    // The writer has no lease.
    assert_eq!(wait_reason(&mut tx, project).await, None);
    assert_eq!(leases::list_held(&mut tx).await.unwrap(), []);
    let holder = LeaseHolder {
        worker: "w".to_owned(),
        machine: String::new(),
        host: String::new(),
        pid: 1,
        process_start: 1,
        renewals: 0,
        acquired_at: timestamp_at(0),
        heartbeat: timestamp_at(0),
        expires_at: timestamp_at(1),
    };
    leases::lock(&mut tx, project).await.unwrap();
    leases::set_holder(&mut tx, project, 1, &holder)
        .await
        .unwrap();
    assert_eq!(
        leases::list_held(&mut tx).await.unwrap()[0].holder,
        Some(holder)
    );
    assert_eq!(wait_reason(&mut tx, project).await, Some(again.reason));
    capacity_waits::remove(&mut tx, project).await.unwrap();
    assert_eq!(wait_reason(&mut tx, project).await, None);
}

async fn wait_reason(tx: &mut SqlTransaction, project: ProjectId) -> Option<String> {
    let found = project_status::of_project(tx, project).await.unwrap();
    found.unwrap().waiting
}
