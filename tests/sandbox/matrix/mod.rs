//! The table of roles, cell by cell: the real CLI, with all permissions, attempts in each role's
//! sandbox what its row allows and what it forbids. Only the sandbox stops the forbidden attempts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::role_policy::role_policy;
use eklavya_sandbox::selftest::MatrixColumn;
use eklavya_testkit::program::claude_program;

use self::attempts::{
    COLUMNS, CellAttempt, CellExpectation, CellSuccessSign, CellTargets, attempts, control_attempts,
};
use crate::cli::agent_spec;
use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::model::{DONE, ModelToolCall, cli_session, result_of, serve_model};
use crate::fixtures::sandbox_project::SandboxProject;

mod attempts;

/// All tools that attempts use.
const TOOLS: &str = "Read,Glob,Grep,Edit,Write,Bash,WebFetch";

/// A project, and targets outside it that must be unreachable.
struct MatrixFixture {
    project: SandboxProject,
    places: CellTargets,
    listener: TcpListener,
}

impl MatrixFixture {
    fn of(project: SandboxProject) -> Self {
        let outside = project.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "src of another user\n").unwrap();
        for directory in [project.dir.path(), &outside] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let places = CellTargets {
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

    /// Makes all attempts in one session of the CLI, and returns which of them worked.
    async fn make_attempts(
        &self,
        role: Role,
        claude: &Path,
        attempts: &[CellAttempt],
    ) -> Vec<bool> {
        let calls: Vec<ModelToolCall> = attempts.iter().map(|one| one.call.clone()).collect();
        let _model = serve_model(&self.project, calls);
        let anything = ["--dangerously-skip-permissions"];
        // As root, the CLI requires IS_SANDBOX; in Eklavya's sandbox no process is root.
        let inner = cli_session(&self.project, claude, TOOLS, &anything).env("IS_SANDBOX", "1");
        let spec = agent_spec(&self.project, role, claude);
        let (exit, output) = self.project.run_program(&spec, inner).await.unwrap();
        assert!(
            exit.is_success() && output.contains(DONE),
            "{role}: {output}"
        );
        let reached = self.was_reached();
        let worked = attempts.iter().enumerate().map(|(number, attempt)| {
            let result = result_of(&output, number);
            match &attempt.sign {
                CellSuccessSign::FileCreated(path) => path.exists(),
                CellSuccessSign::OutputContains(words) => {
                    result.is_some_and(|(_, text)| text.contains(words))
                }
                CellSuccessSign::PortReached => reached,
            }
        });
        worked.collect()
    }

    /// Returns whether the port got a connection. All attempts have ended, so the connection is in
    /// the queue.
    fn was_reached(&self) -> bool {
        self.listener.accept().is_ok()
    }
}

pub async fn the_sandbox_holds_every_cell_of_the_role_table(backend: SandboxBackend) {
    let claude = claude_program();
    let mut table = String::new();
    for role in Role::ALL {
        let fixture = MatrixFixture::of(SandboxProject::new(backend).await);
        let tried = attempts(role_policy(role), &fixture.places);
        let worked = fixture.make_attempts(role, &claude, &tried).await;
        let mut cells: BTreeMap<MatrixColumn, Vec<String>> = BTreeMap::new();
        for (attempt, worked) in tried.iter().zip(worked) {
            let expected = attempt.expected == CellExpectation::Allowed;
            assert_eq!(worked, expected, "{role} {attempt:#?}");
            let cell = match attempt.expected {
                CellExpectation::Allowed => format!("{} done", attempt.call.0),
                CellExpectation::Forbidden => format!("{} stopped", attempt.call.0),
            };
            cells.entry(attempt.column).or_default().push(cell);
        }
        write!(table, "{role}").unwrap();
        for column in COLUMNS {
            write!(table, " | {column:?}: {}", cells[&column].join(", ")).unwrap();
        }
        table.push('\n');
    }
    let name = format!("{backend}_every_cell_of_the_table_is_held_by_the_sandbox");
    insta::assert_snapshot!(name, table);
}

pub async fn the_forbidden_attempts_work_without_a_sandbox(_: SandboxBackend) {
    let claude = claude_program();
    let fixture = MatrixFixture::of(SandboxProject::unprotected().await);
    let tried = control_attempts(&fixture.places);
    let worked = fixture
        .make_attempts(Role::Developer, &claude, &tried)
        .await;
    for (attempt, worked) in tried.iter().zip(worked) {
        assert!(worked, "{attempt:#?}");
    }
}
