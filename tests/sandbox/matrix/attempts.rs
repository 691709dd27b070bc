//! The attempts of an agent in each cell of the table of roles.

use std::path::{Path, PathBuf};

use eklavya_sandbox::role_policy::{FileAccess, GitAccess, RolePolicy};
use eklavya_sandbox::selftest::MatrixColumn;
use serde_json::{Value, json};

use crate::fixtures::model::ModelToolCall;

/// The columns that the operating system enforces by itself.
pub const COLUMNS: [MatrixColumn; 4] = [
    MatrixColumn::FileSystem,
    MatrixColumn::Git,
    MatrixColumn::Terminal,
    MatrixColumn::Network,
];

/// The result that the row requires of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellExpectation {
    Allowed,
    Forbidden,
}

/// The sign that an attempt worked.
#[derive(Debug, Clone)]
pub enum CellSuccessSign {
    /// This file exists.
    FileCreated(PathBuf),
    /// The result contains this text.
    OutputContains(String),
    /// The port that the test listens on got a connection.
    PortReached,
}

/// One call of a tool of the CLI.
#[derive(Debug, Clone)]
pub struct CellAttempt {
    pub column: MatrixColumn,
    pub expected: CellExpectation,
    pub call: ModelToolCall,
    pub sign: CellSuccessSign,
}

/// The targets of the attempts.
#[derive(Debug)]
pub struct CellTargets {
    /// The agent's clone.
    pub clone: PathBuf,
    /// A directory of the host that every user may write.
    pub outside: PathBuf,
    /// A port on 127.0.0.1 of the host.
    pub port: u16,
}

/// Returns the attempts of a role, two for each cell: one that its row allows and one that it
/// forbids. A cell that allows nothing has only a forbidden attempt.
pub fn attempts(row: &RolePolicy, places: &CellTargets) -> Vec<CellAttempt> {
    let mut all = file_system(row.files, places);
    all.extend(git(row.git, row.has_shell(), places));
    all.extend(terminal(row.has_shell(), places));
    all.push(network(row.has_shell(), places));
    all
}

/// Returns attempts that fail in every sandbox and work without one.
pub fn control_attempts(places: &CellTargets) -> Vec<CellAttempt> {
    let forbidden = CellExpectation::Forbidden;
    let hook = places.clone.join(".git/hooks/post-commit");
    let secret = read(&places.outside.join("secret"));
    vec![
        attempt(
            MatrixColumn::FileSystem,
            forbidden,
            write(&places.outside.join("made")),
        ),
        attempt(MatrixColumn::Git, forbidden, write(&hook)),
        attempt(MatrixColumn::Terminal, forbidden, secret),
        attempt(MatrixColumn::Network, forbidden, connect(places.port)),
    ]
}

fn file_system(files: FileAccess, places: &CellTargets) -> Vec<CellAttempt> {
    let column = MatrixColumn::FileSystem;
    let clone = |path: &str| write(&places.clone.join(path));
    let (allowed, forbidden) = match files {
        FileAccess::Read => (read(&places.clone.join("src/a")), clone("docs/made")),
        FileAccess::Write(prefixes) => (clone(&format!("{}/made", prefixes[0])), clone("src/made")),
        FileAccess::Full => (clone("src/made"), write(&places.outside.join("made"))),
    };
    allowed_and_forbidden(column, allowed, forbidden)
}

fn git(access: GitAccess, shell: bool, places: &CellTargets) -> Vec<CellAttempt> {
    let column = MatrixColumn::Git;
    let git = places.clone.join(".git");
    let head = || {
        says(
            "Read",
            json!({ "file_path": git.join("HEAD") }),
            "refs/heads",
        )
    };
    let commit = "git -c user.name=n -c user.email=e commit -q --allow-empty -m made && \
        git log --format=%s | head -n 1";
    match access {
        GitAccess::No => vec![attempt(column, CellExpectation::Forbidden, head())],
        GitAccess::Read => {
            allowed_and_forbidden(column, head(), write(&git.join("refs/heads/made")))
        }
        GitAccess::Full => {
            assert!(shell, "who commits has a shell to do it with");
            allowed_and_forbidden(
                column,
                bash(commit, "made"),
                write(&git.join("hooks/post-commit")),
            )
        }
    }
}

fn terminal(shell: bool, places: &CellTargets) -> Vec<CellAttempt> {
    let column = MatrixColumn::Terminal;
    let hello = bash("echo terminal-$((6 * 7))", "terminal-42");
    if shell {
        allowed_and_forbidden(column, hello, read(&places.outside.join("secret")))
    } else {
        vec![attempt(column, CellExpectation::Forbidden, hello)]
    }
}

fn network(shell: bool, places: &CellTargets) -> CellAttempt {
    let url = format!("http://127.0.0.1:{}/", places.port);
    let fetch = ("WebFetch", json!({ "url": url, "prompt": "read" }));
    let tried = if shell {
        connect(places.port)
    } else {
        (fetch, CellSuccessSign::PortReached)
    };
    attempt(MatrixColumn::Network, CellExpectation::Forbidden, tried)
}

fn allowed_and_forbidden(
    column: MatrixColumn,
    allowed: (ModelToolCall, CellSuccessSign),
    forbidden: (ModelToolCall, CellSuccessSign),
) -> Vec<CellAttempt> {
    vec![
        attempt(column, CellExpectation::Allowed, allowed),
        attempt(column, CellExpectation::Forbidden, forbidden),
    ]
}

fn attempt(
    column: MatrixColumn,
    expected: CellExpectation,
    (call, sign): (ModelToolCall, CellSuccessSign),
) -> CellAttempt {
    CellAttempt {
        column,
        expected,
        call,
        sign,
    }
}

fn write(path: &Path) -> (ModelToolCall, CellSuccessSign) {
    let input = json!({ "file_path": path, "content": "made\n" });
    (
        ("Write", input),
        CellSuccessSign::FileCreated(path.to_owned()),
    )
}

fn read(path: &Path) -> (ModelToolCall, CellSuccessSign) {
    says("Read", json!({ "file_path": path }), "src")
}

fn bash(command: &str, words: &str) -> (ModelToolCall, CellSuccessSign) {
    says(
        "Bash",
        json!({ "command": command, "description": "try" }),
        words,
    )
}

fn connect(port: u16) -> (ModelToolCall, CellSuccessSign) {
    let (call, _) = bash(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"), "");
    (call, CellSuccessSign::PortReached)
}

fn says(tool: &'static str, input: Value, words: &str) -> (ModelToolCall, CellSuccessSign) {
    (
        (tool, input),
        CellSuccessSign::OutputContains(words.to_owned()),
    )
}
