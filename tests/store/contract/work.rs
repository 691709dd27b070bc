//! Projects and their plans, tasks, agents, demos and checkpoints.

use eklavya_core::agent::AgentState;
use eklavya_core::demo::DemoState;
use eklavya_core::ids::{AgentId, ProjectId, SessionId, TaskId};
use eklavya_core::money::MicroUsd;
use eklavya_core::plan::PlanState;
use eklavya_core::project::{ProjectStage, ProjectState};
use eklavya_core::task::TaskState;
use eklavya_store::{Store, agents, budgets, checkpoints, demos, plans, projects, tasks};
use serde_json::json;

use super::{is_duplicate, is_orphan, on_each};
use crate::fixtures::project_records::{self, ProjectRecords, commit, timestamp_at};

#[tokio::test]
async fn projects_and_their_parts_are_stored_on_each_database() {
    on_each![
        projects_are_kept,
        project_summaries_are_listed,
        plans_are_kept,
        tasks_are_kept,
        agents_are_kept,
        agents_are_found_by_the_start_of_their_id,
        demos_are_kept,
        checkpoints_are_kept,
    ];
}

async fn projects_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    assert_eq!(projects::next_number(&mut tx).await.unwrap(), 1);
    let second = project_records::project(2, "second");
    let mut first = project_records::project(1, "first");
    for project in [&second, &first] {
        projects::insert(&mut tx, project).await.unwrap();
    }
    assert_eq!(projects::next_number(&mut tx).await.unwrap(), 3);
    let all = projects::all(&mut tx).await.unwrap();
    assert_eq!(all, [first.clone(), second.clone()]);
    first.state = ProjectState::Active {
        stage: ProjectStage::PlanReview,
    };
    first.progress = 100;
    first.rehearsal = Some(project_records::HOSTILE[6].to_owned());
    first.sandboxed = false;
    first.updated_at = timestamp_at(9);
    assert!(projects::update(&mut tx, &first).await.unwrap());
    assert!(
        !projects::update(&mut tx, &first).await.unwrap(),
        "a stale version was written"
    );
    first.version += 1;
    let found = projects::by_slug(&mut tx, "first").await.unwrap();
    assert_eq!(found, Some(first.clone()));
    let found = projects::by_id(&mut tx, first.id).await.unwrap();
    assert_eq!(found, Some(first));
    assert_eq!(projects::by_slug(&mut tx, "First").await.unwrap(), None);
    let unknown = ProjectId::random();
    assert_eq!(projects::by_id(&mut tx, unknown).await.unwrap(), None);
    drop(tx);
    for (number, slug) in [(7, "taken"), (8, "slug")] {
        let mut tx = store.begin_write().await.unwrap();
        let one = project_records::project(7, "slug");
        projects::insert(&mut tx, &one).await.unwrap();
        let other = project_records::project(number, slug);
        let refused = projects::insert(&mut tx, &other).await.unwrap_err();
        assert!(is_duplicate(&refused), "{refused}");
    }
}

async fn project_summaries_are_listed(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    assert_eq!(projects::list_summaries(&mut tx).await.unwrap(), []);
    for number in [300, 2, 1] {
        let project = project_records::project(number, &format!("shop-{number}"));
        projects::insert(&mut tx, &project).await.unwrap();
        let limit = (number == 2).then_some(MicroUsd(i64::MAX));
        let scope = budgets::Scope::Project(project.id);
        budgets::set_limit(&mut tx, scope, limit).await.unwrap();
    }
    let found = projects::list_summaries(&mut tx).await.unwrap();
    let limits: Vec<_> = found.iter().map(|o| (o.slug.as_str(), o.limit)).collect();
    let expected = [
        ("shop-1", None),
        ("shop-2", Some(MicroUsd(i64::MAX))),
        ("shop-300", None),
    ];
    assert_eq!(limits, expected);
    let like = project_records::project(1, "shop-1");
    assert_eq!(
        (&found[0].name, &found[0].client),
        (&like.name, &like.client)
    );
    assert_eq!(
        (found[0].created_at, found[0].spent),
        (timestamp_at(0), MicroUsd(0))
    );
}

async fn plans_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    assert_eq!(plans::newest(&mut tx, project.id).await.unwrap(), None);
    let (mut tenth, second) = (
        project_records::plan(&project, 10),
        project_records::plan(&project, 2),
    );
    for plan in [&tenth, &second] {
        plans::insert(&mut tx, plan).await.unwrap();
    }
    tenth.state = PlanState::Rejected {
        at: timestamp_at(1),
        feedback: project_records::HOSTILE.concat(),
    };
    let document = json!({
        "summary": project_records::HOSTILE[3], "features": [], "criteria": [], "tasks": [],
        "testCommand": "true", "preview": {"kind": "static", "directory": "site"},
    });
    tenth.document = Some(serde_json::from_value(document).unwrap());
    assert!(plans::update(&mut tx, &tenth).await.unwrap());
    assert!(
        !plans::update(&mut tx, &tenth).await.unwrap(),
        "a stale version was written"
    );
    tenth.version += 1;
    let found = plans::newest(&mut tx, project.id).await.unwrap();
    assert_eq!(found, Some(tenth.clone()));
    let found = plans::of_project(&mut tx, project.id).await.unwrap();
    assert_eq!(found, [second.clone(), tenth]);
    let refused = plans::insert(&mut tx, &project_records::plan(&project, 2)).await;
    assert!(is_duplicate(&refused.unwrap_err()));
    drop(tx);
    let mut tx = store.begin_write().await.unwrap();
    let refused = plans::insert(&mut tx, &second).await.unwrap_err();
    assert!(is_orphan(&refused), "{refused}");
}

async fn tasks_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    // The order is by time, then by priority, then by the bytes of the key.
    let mut late = project_records::task(&project, "T0");
    late.created_at = timestamp_at(3);
    let mut urgent = project_records::task(&project, "z");
    urgent.priority = i64::MAX;
    let (upper, lower) = (
        project_records::task(&project, "T10"),
        project_records::task(&project, "a"),
    );
    let unicode = project_records::task(&project, "É");
    for task in [&late, &unicode, &lower, &upper, &urgent] {
        tasks::insert(&mut tx, task).await.unwrap();
    }
    let found = tasks::of_project(&mut tx, project.id).await.unwrap();
    let keys: Vec<&str> = found.iter().map(|task| task.key.as_str()).collect();
    assert_eq!(keys, ["z", "T10", "a", "É", "T0"]);
    assert_eq!(found[1], upper);
    urgent.state = TaskState::Blocked {
        question: project_records::HOSTILE.concat(),
        since: timestamp_at(1),
    };
    urgent.attempt = u32::MAX;
    urgent.feedback = Some(String::new());
    urgent.session = Some(SessionId::random());
    urgent.base_commit = Some(commit('f'));
    urgent.result = Some(json!({"deep": [[[null, {"b": 1, "a": 0.1}]]], "": i64::MIN}));
    urgent.updated_at = timestamp_at(8);
    assert!(tasks::update(&mut tx, &urgent).await.unwrap());
    assert!(
        !tasks::update(&mut tx, &urgent).await.unwrap(),
        "a stale version was written"
    );
    urgent.version += 1;
    let found = tasks::by_id(&mut tx, urgent.id).await.unwrap();
    assert_eq!(found, Some(urgent.clone()));
    let found = tasks::by_key(&mut tx, project.id, "Z").await.unwrap();
    assert_eq!(found, Some(urgent));
    assert_eq!(tasks::by_id(&mut tx, TaskId::random()).await.unwrap(), None);
    let elsewhere = ProjectId::random();
    assert_eq!(tasks::by_key(&mut tx, elsewhere, "z").await.unwrap(), None);
    let refused = tasks::insert(&mut tx, &project_records::task(&project, "z")).await;
    assert!(is_duplicate(&refused.unwrap_err()));
}

async fn agents_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let mut fixture = ProjectRecords::insert(&mut tx, 1).await;
    let other = ProjectRecords::insert(&mut tx, 2).await;
    let agent = &mut fixture.agent;
    agent.state = AgentState::Running {
        since: timestamp_at(4),
    };
    agent.pid = Some(u32::MAX);
    agent.process_start = Some(i64::MAX);
    agent.last_heartbeat = timestamp_at(4);
    assert!(agents::update(&mut tx, agent).await.unwrap());
    assert!(
        !agents::update(&mut tx, agent).await.unwrap(),
        "a stale version was written"
    );
    agent.version += 1;
    agents::record_heartbeat(&mut tx, agent.id, timestamp_at(5))
        .await
        .unwrap();
    agents::add_tokens(&mut tx, agent.id, 1 << 40)
        .await
        .unwrap();
    agents::add_tokens(&mut tx, agent.id, 1).await.unwrap();
    (agent.last_heartbeat, agent.tokens_used) = (timestamp_at(5), (1 << 40) + 1);
    let found = agents::by_id(&mut tx, agent.id).await.unwrap();
    assert_eq!(found, Some(agent.clone()));
    assert_eq!(
        agents::by_id(&mut tx, AgentId::random()).await.unwrap(),
        None
    );
    let host = agent.host.clone();
    let with_process = agents::with_process(&mut tx, &host).await.unwrap();
    assert_eq!(with_process, std::slice::from_ref(agent));
    agents::clear_process(&mut tx, agent.id).await.unwrap();
    (agent.pid, agent.process_start) = (None, None);
    assert_eq!(agents::with_process(&mut tx, &host).await.unwrap(), []);
    let mut early = project_records::agent(&fixture.task);
    early.created_at = timestamp_at(0);
    agents::insert(&mut tx, &early).await.unwrap();
    let found = agents::of_project(&mut tx, fixture.project.id)
        .await
        .unwrap();
    assert_eq!(found, [early.clone(), fixture.agent.clone()]);
    let mut same_moment = [fixture.agent.id, other.agent.id];
    same_moment.sort_by_key(|id| id.0);
    let all = agents::all(&mut tx).await.unwrap();
    let ids: Vec<AgentId> = all.iter().map(|agent| agent.id).collect();
    assert_eq!(ids, [early.id, same_moment[0], same_moment[1]]);
    let mut orphan = project_records::agent(&fixture.task);
    orphan.task = TaskId::random();
    assert!(is_orphan(
        &agents::insert(&mut tx, &orphan).await.unwrap_err()
    ));
}

async fn agents_are_found_by_the_start_of_their_id(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let mut twin = project_records::agent(&fixture.task);
    let (head, tail) = fixture.agent.id.0.as_u64_pair();
    twin.id = AgentId(uuid::Uuid::from_u64_pair(head, !tail));
    agents::insert(&mut tx, &twin).await.unwrap();
    let whole = fixture.agent.id.to_string();
    let mut found = async |prefix: &str| agents::by_prefix(&mut tx, prefix).await.unwrap().len();
    assert_eq!(found(&whole.to_uppercase()).await, 1);
    assert_eq!(found(&whole[..10]).await, 2);
    assert_eq!(found("%").await, 0);
    assert_eq!(found("").await, 2);
}

async fn demos_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let (tenth, mut second) = (
        project_records::demo(&fixture.task, 10),
        project_records::demo(&fixture.task, 2),
    );
    for demo in [&tenth, &second] {
        demos::insert(&mut tx, demo).await.unwrap();
    }
    second.state = DemoState::Approved {
        at: timestamp_at(7),
    };
    second.commit = None;
    second.preview_url = None;
    second.preview = None;
    second.feedback = Some(project_records::HOSTILE.concat());
    second.approved_at = Some(timestamp_at(7));
    assert!(demos::update(&mut tx, &second).await.unwrap());
    assert!(
        !demos::update(&mut tx, &second).await.unwrap(),
        "a stale version was written"
    );
    second.version += 1;
    let project = fixture.project.id;
    let found = demos::by_number(&mut tx, project, 2).await.unwrap();
    assert_eq!(found, Some(second.clone()));
    assert_eq!(demos::by_number(&mut tx, project, 3).await.unwrap(), None);
    let found = demos::of_project(&mut tx, project).await.unwrap();
    assert_eq!(found, [second, tenth]);
    let again = project_records::demo(&fixture.task, 2);
    assert!(is_duplicate(
        &demos::insert(&mut tx, &again).await.unwrap_err()
    ));
}

async fn checkpoints_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let late = project_records::checkpoint(&fixture.agent, 9);
    let early = project_records::checkpoint(&fixture.agent, 8);
    for checkpoint in [&late, &early] {
        checkpoints::insert(&mut tx, checkpoint).await.unwrap();
    }
    let project = fixture.project.id;
    let found = checkpoints::of_project(&mut tx, project).await.unwrap();
    assert_eq!(found, [early, late]);
    let unknown = ProjectId::random();
    assert_eq!(checkpoints::of_project(&mut tx, unknown).await.unwrap(), []);
}
