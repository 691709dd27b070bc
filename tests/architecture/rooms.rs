//! The folders of a crate import each other in one direction only. A folder may import only folders
//! above it in its table.

use super::imports::{ROOT, assert_rooms};

/// The folders of the sandbox. A security reviewer reads the first three: nothing else of the crate
/// runs around an agent.
const SANDBOX: &[(&str, &[&str])] = &[
    ("supervision", &[]),
    ("inside/container", &[]),
    ("inside", &["supervision", "inside/container"]),
    ("proxy", &[]),
    (ROOT, &["inside"]),
    ("plan", &["inside", ROOT]),
    ("launch", &["supervision", "inside", ROOT, "plan"]),
    (
        "docker",
        &[
            "supervision",
            "inside/container",
            "inside",
            ROOT,
            "plan",
            "launch",
        ],
    ),
    (
        "run",
        &["supervision", "inside", ROOT, "plan", "launch", "docker"],
    ),
    ("preview", &["inside", ROOT, "run"]),
    ("selftest", &["inside", ROOT, "run"]),
    ("browser", &["inside", "proxy", ROOT, "run"]),
];

/// The folders of the engine.
const ENGINE: &[(&str, &[&str])] = &[
    ("capacity", &[]),
    ("context", &["capacity"]),
    ("workspace", &["context"]),
    ("preview", &["context", "workspace"]),
    ("tools", &["context", "workspace", "preview"]),
    (
        "agent",
        &["capacity", "context", "workspace", "preview", "tools"],
    ),
    (
        "task",
        &["context", "workspace", "preview", "tools", "agent"],
    ),
    ("stages/delivery", &["context"]),
    ("stages", &["context", "preview", "task", "stages/delivery"]),
    ("lease", &["context", "workspace", "preview", "agent"]),
    ("jobs", &["capacity", "context", "lease", "stages"]),
    ("selftest", &["context", "tools", "agent"]),
];

/// The folders of the gateway. Egress and the model serve the same doors, and neither imports the
/// other; the files in the crate's folder put them together.
const GATEWAY: &[(&str, &[&str])] = &[
    ("http", &[]),
    ("door", &[]),
    ("egress/decision", &["door"]),
    ("egress", &["http", "door", "egress/decision"]),
    (
        "egress/proxy",
        &["http", "door", "egress/decision", "egress"],
    ),
    ("api", &["http", "door"]),
    ("rehearsal", &["http", "door", "api"]),
    ("model/upstream", &["http", "api"]),
    ("model/limits", &[]),
    (
        "model",
        &["http", "api", "rehearsal", "model/upstream", "model/limits"],
    ),
    (
        "model/exchange",
        &["http", "door", "api", "rehearsal", "model/limits", "model"],
    ),
    (
        ROOT,
        &[
            "http",
            "door",
            "egress/decision",
            "egress",
            "egress/proxy",
            "api",
            "model/upstream",
            "rehearsal",
            "model/limits",
            "model",
            "model/exchange",
        ],
    ),
];

#[test]
fn the_folders_of_the_sandbox_import_in_one_direction() {
    assert_rooms("src/sandbox", SANDBOX);
}

#[test]
fn the_folders_of_the_engine_import_in_one_direction() {
    assert_rooms("src/engine", ENGINE);
}

#[test]
fn the_folders_of_the_gateway_import_in_one_direction() {
    assert_rooms("src/gateway", GATEWAY);
}
