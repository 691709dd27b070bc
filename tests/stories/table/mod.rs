//! The table of roles, cell by cell, in the product as it is: an agent of each role works on a task of
//! a build with the real CLI, the tools and the door that its role gets, and tries in each of the six
//! columns what its row allows and what it does not.
//!
//! That the operating system alone says no, too, is shown where the CLI is told that it may do
//! anything (`tests/sandbox/matrix`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::project::ProjectEvent;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::TaskKind;
use eklavya_sandbox::examine::Column;
use eklavya_sandbox::policy::policy;
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{Desk, projects};
use eklavya_store::Store;

use self::attempts::{Attempt, Expected, Places, Sign, attempts};
use crate::library::{library, serve};
use crate::rehearsal::{Rehearsal, plan, says, tool};
use crate::story::{SLUG, Story};

mod attempts;

/// Returns what came of all attempts, a line for each role, with these variables in the environment.
///
/// # Panics
/// A cell is not what its row says.
pub fn table(variables: &[(&str, &str)]) -> String {
    let ground = tempfile::tempdir().unwrap();
    library(ground.path());
    let port = serve(ground.path().to_owned());
    let places = Places {
        outside: ground.path().join("outside"),
        listed: format!("http://127.0.0.2:{port}/"),
        unlisted: format!("http://127.0.0.3:{port}/"),
    };
    fs::create_dir(&places.outside).unwrap();
    fs::write(places.outside.join("secret"), "somebody else's\n").unwrap();
    for directory in [ground.path(), &places.outside] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let story = played(&places, &format!("127.0.0.2:{port}"), variables);
    let mut table = String::new();
    for role in Role::ALL {
        writeln!(table, "{role} | {}", row(&story, role, &places)).unwrap();
    }
    table
}

/// Has an agent of each role make its attempts.
fn played(places: &Places, listed: &str, variables: &[(&str, &str)]) -> Story {
    let names = Role::ALL.map(Role::name);
    let tasks = names.map(|name| (name, "developer", &[][..]));
    let plan = plan(&tasks);
    let mut rehearsal = Rehearsal::of(&plan);
    for role in Role::ALL {
        let tries = attempts(policy(role), places);
        let steps = tries.iter().map(|one| tool(one.tool, one.input.clone()));
        let steps = steps.chain([says("Tried.")]);
        rehearsal = rehearsal.plays(role.name(), role.name(), Some(1), steps);
        // Who writes nothing is asked once more.
        rehearsal = rehearsal.plays(role.name(), role.name(), Some(2), [says("That was all.")]);
    }
    let mut story = Story::ready_to_build(&plan, &rehearsal)
        .with("EKLAVYA_BROWSER_USE", "auto")
        .with("EKLAVYA_EGRESS_PACKAGES", listed)
        .with("EKLAVYA_EGRESS_RESEARCH", listed)
        .with("EKLAVYA_EGRESS_METRICS", listed)
        .with("EKLAVYA_EGRESS_PRIVATE", listed);
    for (name, value) in variables {
        story = story.with(name, value);
    }
    give_to_all_roles(&story);
    story.ok("demo open shop 1");
    story.ok("build shop");
    story.ok("demo stop shop 1");
    story
}

/// No plan gives a task of the build to a role that writes nothing: they are made in front of it.
fn give_to_all_roles(story: &Story) {
    let database = story.env.home().join("eklavya.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = Store::open_file(database.as_std_path()).await.unwrap();
        let desk = Desk::new(opened, Arc::new(SystemClock));
        let project = projects::find(&desk, SLUG).await.unwrap();
        let new = |role: Role| NewTask::new(role.name(), TaskKind::Build, role, "Try");
        let all = Role::ALL.into_iter().map(new).collect();
        tasks::ensure(&desk, &project, all).await.unwrap();
        // The first step of a build ends all previews.
        let begin = ProjectEvent::StartBuild;
        projects::advance(&desk, &Actor::System, &project, begin)
            .await
            .unwrap();
    });
}

fn row(story: &Story, role: Role, places: &Places) -> String {
    let tried = attempts(policy(role), places);
    let results = story.results(role.name(), 1);
    assert_eq!(tried.len(), results.len(), "{role}: {results:#?}");
    let mut cells: BTreeMap<Column, Vec<String>> = BTreeMap::new();
    for (attempt, result) in tried.iter().zip(results) {
        let worked = worked(attempt, &result);
        let expected = attempt.expected == Expected::Allowed;
        assert_eq!(worked, expected, "{role} {attempt:#?}\n{result:#?}");
        let name = attempt.tool.trim_start_matches("mcp__eklavya__");
        let told = match attempt.expected {
            Expected::Allowed => format!("{name} done"),
            Expected::Forbidden => format!("{name} stopped"),
        };
        cells.entry(attempt.column).or_default().push(told);
    }
    let cells = Column::ALL.map(|column| format!("{column:?}: {}", cells[&column].join(", ")));
    cells.join(" | ")
}

fn worked(attempt: &Attempt, (is_error, text): &(bool, String)) -> bool {
    match &attempt.sign {
        Sign::Says(words) => !is_error && text.replace('\\', "").contains(words),
        Sign::Made(path) => path.exists(),
    }
}
