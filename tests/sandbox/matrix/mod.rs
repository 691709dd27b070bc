//! The table of roles, cell by cell: the real CLI, told that it may do anything, tries in each
//! role's sandbox what its row allows and what it does not. Nothing but the sandbox says no.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use eklavya_core::domain::role::Role;
use eklavya_sandbox::examine::Column;
use eklavya_sandbox::policy::policy;
use tokio::net::TcpListener;

use self::attempts::{Attempt, COLUMNS, Expected, Places, Sign, attempts, control};
use crate::claude::claude;
use crate::cli::agent;
use crate::model::{Call, DONE, listen, result_of, session};
use crate::support::Project;

mod attempts;

/// Every tool that an attempt is made with.
const TOOLS: &str = "Read,Glob,Grep,Edit,Write,Bash,WebFetch";

/// A project, and around it what must be out of reach.
struct Ground {
    project: Project,
    places: Places,
    listener: TcpListener,
}

impl Ground {
    async fn of(project: Project) -> Self {
        let outside = project.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "src of somebody else\n").unwrap();
        for directory in [project.dir.path(), &outside] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let places = Places {
            clone: project.dirs.clone.clone(),
            outside,
            port: listener.local_addr().unwrap().port(),
        };
        Self {
            project,
            places,
            listener,
        }
    }

    /// Has the CLI make all attempts in one session, and returns which of them worked.
    async fn make(&self, role: Role, claude: &Path, attempts: &[Attempt]) -> Vec<bool> {
        let calls: Vec<Call> = attempts.iter().map(|one| one.call.clone()).collect();
        let _model = listen(&self.project, calls);
        let anything = ["--dangerously-skip-permissions"];
        // As root, the CLI wants to be told that it is in a sandbox; in ours nobody is root.
        let inner = session(&self.project, claude, TOOLS, &anything).env("IS_SANDBOX", "1");
        let spec = agent(&self.project, role, claude);
        let (exit, said) = self.project.inner(&spec, inner).await.unwrap();
        assert!(exit.is_success() && said.contains(DONE), "{role}: {said}");
        let reached = self.was_reached().await;
        let worked = attempts.iter().enumerate().map(|(number, attempt)| {
            let result = result_of(&said, number);
            match &attempt.sign {
                Sign::Made(path) => path.exists(),
                Sign::Says(words) => result.is_some_and(|(_, text)| text.contains(words)),
                Sign::Reached => reached,
            }
        });
        worked.collect()
    }

    async fn was_reached(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.listener.accept() => true,
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => false,
        }
    }
}

#[tokio::test]
async fn every_cell_of_the_table_is_held_by_the_sandbox() {
    let claude = claude();
    let mut table = String::new();
    for role in Role::ALL {
        let ground = Ground::of(Project::new().await).await;
        let tried = attempts(policy(role), &ground.places);
        let worked = ground.make(role, &claude, &tried).await;
        let mut cells: BTreeMap<Column, Vec<String>> = BTreeMap::new();
        for (attempt, worked) in tried.iter().zip(worked) {
            let expected = attempt.expected == Expected::Allowed;
            assert_eq!(worked, expected, "{role} {attempt:#?}");
            let told = match attempt.expected {
                Expected::Allowed => format!("{} done", attempt.call.0),
                Expected::Forbidden => format!("{} stopped", attempt.call.0),
            };
            cells.entry(attempt.column).or_default().push(told);
        }
        write!(table, "{role}").unwrap();
        for column in COLUMNS {
            write!(table, " | {column:?}: {}", cells[&column].join(", ")).unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn without_a_sandbox_the_same_attempts_work() {
    let claude = claude();
    let ground = Ground::of(Project::unprotected().await).await;
    let tried = control(&ground.places);
    let worked = ground.make(Role::Developer, &claude, &tried).await;
    for (attempt, worked) in tried.iter().zip(worked) {
        assert!(worked, "{attempt:#?}");
    }
}
