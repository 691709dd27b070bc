//! The self-test of `eklavya doctor`: the cells that hold, and the holes that it finds.

use std::path::Path;
use std::sync::Arc;

use eklavya_core::agent::role::Role;
use eklavya_core::clock::SystemClock;
use eklavya_engine::selftest::{RoleSelftest, RoleSelftestResult};
use eklavya_sandbox::role_policy::role_policy;
use eklavya_sandbox::selftest::{
    GuaranteeResult, MatrixCell, MatrixColumn, ReachableHosts, TestWorkspace, judge_cell,
};
use eklavya_sandbox::{ProtectionLayer, Sandbox, SandboxUser, chown_socket};
use eklavya_testkit::program::eklavya_program;
use tokio::net::UnixListener;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::agent_user;

/// Not below /tmp: the sandbox has its own /tmp.
const PLACE: &str = "/var/tmp";

async fn run_selftest(sandbox: &Sandbox) -> Vec<RoleSelftestResult> {
    let examination = RoleSelftest {
        sandbox,
        user: agent_user().unwrap_or(SandboxUser { uid: 1, gid: 1 }),
        place: Path::new(PLACE),
        clock: Arc::new(SystemClock),
        browser: (GuaranteeResult::Yes, "tried elsewhere".to_owned()),
    };
    examination.run().await.unwrap()
}

fn find_cell(row: &RoleSelftestResult, column: MatrixColumn) -> &MatrixCell {
    row.cells.iter().find(|cell| cell.column == column).unwrap()
}

pub async fn every_cell_holds_on_this_machine(backend: SandboxBackend) {
    let rows = run_selftest(&backend.sandbox().await).await;
    let name = format!("{backend}_every_cell_holds_on_this_machine");
    insta::assert_snapshot!(name, serde_json::to_string_pretty(&rows).unwrap());
}

pub async fn the_selftest_finds_the_holes_without_a_sandbox(_: SandboxBackend) {
    let rows = run_selftest(&Sandbox::unsandboxed(eklavya_program())).await;
    for row in &rows {
        for (column, hole) in [
            (
                MatrixColumn::FileSystem,
                "it could read a file of the machine",
            ),
            (MatrixColumn::FileSystem, "it could write on the machine"),
            (MatrixColumn::Git, "it could write a hook"),
            (
                MatrixColumn::Network,
                "it could connect to a port of the machine",
            ),
        ] {
            let cell = find_cell(row, column);
            assert_eq!(cell.state, GuaranteeResult::No, "{row:#?}");
            assert!(cell.detail.contains(hole), "{hole}: {row:#?}");
        }
        let terminal = find_cell(row, MatrixColumn::Terminal);
        let expected = if role_policy(row.role).has_shell() {
            GuaranteeResult::Yes
        } else {
            GuaranteeResult::No
        };
        assert_eq!(terminal.state, expected, "{row:#?}");
        // The gateway is reachable without a sandbox too.
        assert!(
            !find_cell(row, MatrixColumn::Network)
                .detail
                .contains("reach"),
            "{row:#?}"
        );
    }
}

/// Returns the cell of a sandbox without these guards. The door closes every connection.
async fn cell_without_guards(
    backend: SandboxBackend,
    guards: &[ProtectionLayer],
    role: Role,
    column: MatrixColumn,
) -> MatrixCell {
    let sandbox = backend.sandbox().await;
    let mut fixture = TestWorkspace::new(&sandbox, role, agent_user(), Path::new(PLACE)).unwrap();
    fixture.disabled_layers = guards.to_vec();
    let socket = fixture.dirs.door.join("gateway.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    chown_socket(&socket, sandbox.effective_user(agent_user())).unwrap();
    let hanging_up = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let beyond = ReachableHosts {
        login: "agent:key".to_owned(),
        hosts: Vec::new(),
    };
    let tried = sandbox.probe_role(&fixture, &beyond).await.unwrap();
    hanging_up.abort();
    judge_cell(role_policy(role), column, &tried, sandbox.landlock())
}

pub async fn the_selftest_finds_the_hole_of_a_missing_guard(backend: SandboxBackend) {
    let walls = [ProtectionLayer::Mounts, ProtectionLayer::Landlock];
    let files =
        cell_without_guards(backend, &walls, Role::Architect, MatrixColumn::FileSystem).await;
    assert_eq!(files.state, GuaranteeResult::No);
    assert!(files.detail.starts_with("it could write"), "{files:?}");
    let git = cell_without_guards(backend, &walls, Role::Developer, MatrixColumn::Git).await;
    assert_eq!(git.state, GuaranteeResult::No);
    assert!(git.detail.contains("it could write a hook"), "{git:?}");
    let terminal = cell_without_guards(
        backend,
        &[ProtectionLayer::Landlock],
        Role::Qa,
        MatrixColumn::Terminal,
    )
    .await;
    assert_eq!(terminal.detail, "it could run a program of its own");
    let network = cell_without_guards(backend, &[], Role::Pm, MatrixColumn::Network).await;
    assert_eq!(network.state, GuaranteeResult::No);
    assert!(
        network.detail.starts_with("it could not ask at its door"),
        "{network:?}"
    );
}
