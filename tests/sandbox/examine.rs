//! What `eklavya doctor` finds: cells that hold, and holes where there are some.

use std::path::Path;
use std::sync::Arc;

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::role::Role;
use eklavya_engine::examine::{Examination, RoleFinding};
use eklavya_sandbox::examine::{Beyond, Cell, Column, Ground, Holds, judge};
use eklavya_sandbox::policy::policy;
use eklavya_sandbox::{Guard, Sandbox, User, share_socket};
use tokio::net::UnixListener;

use crate::isolation::sandbox;
use crate::support::{exe, user};

/// Not below /tmp, which is another one inside.
const PLACE: &str = "/var/tmp";

async fn examined(sandbox: &Sandbox) -> Vec<RoleFinding> {
    let examination = Examination {
        sandbox,
        user: user().unwrap_or(User { uid: 1, gid: 1 }),
        place: Path::new(PLACE),
        clock: Arc::new(SystemClock),
        browser: (Holds::Yes, "tried elsewhere".to_owned()),
    };
    examination.run().await.unwrap()
}

fn cell(row: &RoleFinding, column: Column) -> &Cell {
    row.cells.iter().find(|cell| cell.column == column).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_holds_on_this_machine() {
    let rows = examined(&sandbox().await).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&rows).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sandbox_the_holes_are_found() {
    let rows = examined(&Sandbox::none(exe())).await;
    for row in &rows {
        for (column, hole) in [
            (Column::FileSystem, "it could read a file of the machine"),
            (Column::FileSystem, "it could write on the machine"),
            (Column::Git, "it could write a hook"),
            (Column::Network, "it could connect to a port of the machine"),
        ] {
            let cell = cell(row, column);
            assert_eq!(cell.state, Holds::No, "{row:#?}");
            assert!(cell.detail.contains(hole), "{hole}: {row:#?}");
        }
        let terminal = cell(row, Column::Terminal);
        let expected = if policy(row.role).has_shell() {
            Holds::Yes
        } else {
            Holds::No
        };
        assert_eq!(terminal.state, expected, "{row:#?}");
        // The gateway holds without a sandbox too.
        assert!(
            !cell(row, Column::Network).detail.contains("reach"),
            "{row:#?}"
        );
    }
}

/// What the cell says where these guards are left out. Whoever asks at the door is hung up on.
async fn without(guards: &[Guard], role: Role, column: Column) -> Cell {
    let sandbox = sandbox().await;
    let mut ground = Ground::new(&sandbox, role, user(), Path::new(PLACE)).unwrap();
    ground.without = guards.to_vec();
    let socket = ground.dirs.door.join("gateway.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    share_socket(&socket, sandbox.becomes(user())).unwrap();
    let hanging_up = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let beyond = Beyond {
        login: "agent:key".to_owned(),
        hosts: Vec::new(),
    };
    let tried = sandbox.try_role(&ground, &beyond).await.unwrap();
    hanging_up.abort();
    judge(policy(role), column, &tried, sandbox.landlock())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_missing_is_a_hole_that_is_found() {
    let walls = [Guard::Mounts, Guard::Landlock];
    let files = without(&walls, Role::Architect, Column::FileSystem).await;
    assert_eq!(files.state, Holds::No);
    assert!(files.detail.starts_with("it could write"), "{files:?}");
    let git = without(&walls, Role::Developer, Column::Git).await;
    assert_eq!(git.state, Holds::No);
    assert!(git.detail.contains("it could write a hook"), "{git:?}");
    let terminal = without(&[Guard::Landlock], Role::Qa, Column::Terminal).await;
    assert_eq!(terminal.detail, "it could run a program of its own");
    let network = without(&[], Role::Pm, Column::Network).await;
    assert_eq!(network.state, Holds::No);
    assert!(
        network.detail.starts_with("it could not ask at its door"),
        "{network:?}"
    );
}
