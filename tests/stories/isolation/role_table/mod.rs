//! The table of roles, cell by cell, in the complete product: an agent of each role works on a
//! build task with the real CLI, the tools and the door of its role, and attempts in each of the
//! six columns what its row allows and what it forbids.
//!
//! `tests/sandbox/matrix` shows that the operating system alone stops a CLI that has all
//! permissions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::project::ProjectEvent;
use eklavya_core::task::TaskKind;
use eklavya_sandbox::role_policy::role_policy;
use eklavya_sandbox::selftest::MatrixColumn;
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{DataStore, projects};
use eklavya_store::{DatabaseLocation, Store};
use eklavya_testkit::story::git_http::{create_library, serve_files};
use eklavya_testkit::story::rehearsal::{RehearsalBuilder, plan_with_tasks, say_step, tool_step};
use eklavya_testkit::story::{SLUG, StoryProject};

use self::attempts::{RoleAttempt, RoleExpectation, RoleSuccessSign, RoleTargets, attempts};

mod attempts;

/// Returns the results of all attempts, a line for each role, with these variables in the
/// environment.
///
/// # Panics
/// If the result of an attempt differs from the row of its role.
pub fn attempt_table(variables: &[(&str, &str)]) -> String {
    let fixture = tempfile::tempdir().unwrap();
    create_library(fixture.path());
    let port = serve_files(fixture.path().to_owned());
    let places = RoleTargets {
        outside: fixture.path().join("outside"),
        listed: format!("http://127.0.0.2:{port}/"),
        unlisted: format!("http://127.0.0.3:{port}/"),
    };
    fs::create_dir(&places.outside).unwrap();
    fs::write(places.outside.join("secret"), "another user's\n").unwrap();
    for directory in [fixture.path(), &places.outside] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let story = play_attempts(&places, &format!("127.0.0.2:{port}"), variables);
    let mut table = String::new();
    for role in Role::ALL {
        writeln!(table, "{role} | {}", table_row(&story, role, &places)).unwrap();
    }
    table
}

/// Runs an agent of each role that makes its attempts.
fn play_attempts(places: &RoleTargets, listed: &str, variables: &[(&str, &str)]) -> StoryProject {
    let names = Role::ALL.map(Role::name);
    let tasks = names.map(|name| (name, "developer", &[][..]));
    let plan = plan_with_tasks(&tasks);
    let mut rehearsal = RehearsalBuilder::happy_path(&plan);
    for role in Role::ALL {
        let tries = attempts(role_policy(role), places);
        let steps = tries
            .iter()
            .map(|one| tool_step(one.tool, one.input.clone()));
        let steps = steps.chain([say_step("Tried.")]);
        rehearsal = rehearsal.with_answers(role.name(), role.name(), Some(1), steps);
        // An agent that changes no file is asked again.
        rehearsal = rehearsal.with_answers(
            role.name(),
            role.name(),
            Some(2),
            [say_step("That was all.")],
        );
    }
    let mut story = StoryProject::with_approved_demo(&plan, &rehearsal)
        .with_variable("EKLAVYA_BROWSER_USE", "auto")
        .with_variable("EKLAVYA_EGRESS_PACKAGES", listed)
        .with_variable("EKLAVYA_EGRESS_RESEARCH", listed)
        .with_variable("EKLAVYA_EGRESS_METRICS", listed)
        .with_variable("EKLAVYA_EGRESS_PRIVATE", listed);
    for (name, value) in variables {
        story = story.with_variable(name, value);
    }
    insert_tasks_for_all_roles(&story);
    story.ok("demo open shop 1");
    story.ok("build shop");
    story.ok("demo stop shop 1");
    story
}

/// Inserts build tasks for all roles before the build starts, because no plan can assign a build
/// task to a role that changes no files.
fn insert_tasks_for_all_roles(story: &StoryProject) {
    let database = story.env.home().join("eklavya.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let location = DatabaseLocation::File(database.into());
        let opened = Store::open(&location).await.unwrap();
        let data = DataStore::new(opened, Arc::new(SystemClock));
        let project = projects::find(&data, SLUG).await.unwrap();
        let new = |role: Role| NewTask::new(role.name(), TaskKind::Build, role, "Try");
        let all = Role::ALL.into_iter().map(new).collect();
        tasks::ensure(&data, &project, all).await.unwrap();
        // Starting a build stops all previews, so the build is started before a preview is opened.
        let begin = ProjectEvent::StartBuild;
        projects::advance(&data, &AuditActor::System, &project, begin)
            .await
            .unwrap();
    });
}

fn table_row(story: &StoryProject, role: Role, places: &RoleTargets) -> String {
    let tried = attempts(role_policy(role), places);
    let results = story.tool_results(role.name(), 1);
    assert_eq!(tried.len(), results.len(), "{role}: {results:#?}");
    let mut cells: BTreeMap<MatrixColumn, Vec<String>> = BTreeMap::new();
    for (attempt, result) in tried.iter().zip(results) {
        let worked = has_worked(attempt, &result);
        let expected = attempt.expected == RoleExpectation::Allowed;
        assert_eq!(worked, expected, "{role} {attempt:#?}\n{result:#?}");
        let name = attempt.tool.trim_start_matches("mcp__eklavya__");
        let cell = match attempt.expected {
            RoleExpectation::Allowed => format!("{name} done"),
            RoleExpectation::Forbidden => format!("{name} stopped"),
        };
        cells.entry(attempt.column).or_default().push(cell);
    }
    let cells =
        MatrixColumn::ALL.map(|column| format!("{column:?}: {}", cells[&column].join(", ")));
    cells.join(" | ")
}

fn has_worked(attempt: &RoleAttempt, (is_error, text): &(bool, String)) -> bool {
    match &attempt.sign {
        RoleSuccessSign::OutputContains(words) => {
            !is_error && text.replace('\\', "").contains(words)
        }
        RoleSuccessSign::FileCreated(path) => path.exists(),
    }
}
