//! What an agent tries in each cell of the table of roles.

use std::path::{Path, PathBuf};

use eklavya_sandbox::examine::Column;
use eklavya_sandbox::policy::{FileAccess, GitAccess, RolePolicy};
use serde_json::{Value, json};

use crate::model::Call;

/// The columns that the operating system holds by itself.
pub const COLUMNS: [Column; 4] = [
    Column::FileSystem,
    Column::Git,
    Column::Terminal,
    Column::Network,
];

/// What the row says about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Allowed,
    Forbidden,
}

/// How it is told that an attempt worked.
#[derive(Debug, Clone)]
pub enum Sign {
    /// This file is there.
    Made(PathBuf),
    /// The result has these words.
    Says(String),
    /// Somebody connected to the port that the test listens on.
    Reached,
}

/// One call of a tool of the CLI's.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub column: Column,
    pub expected: Expected,
    pub call: Call,
    pub sign: Sign,
}

/// The places that attempts are about.
#[derive(Debug)]
pub struct Places {
    /// The agent's clone.
    pub clone: PathBuf,
    /// A directory of the host that every user may write.
    pub outside: PathBuf,
    /// A port of the host's 127.0.0.1.
    pub port: u16,
}

/// Returns the attempts of a role, two for each cell: one that its row allows and one that it does
/// not. A cell that allows nothing has the latter alone.
pub fn attempts(row: &RolePolicy, places: &Places) -> Vec<Attempt> {
    let mut all = file_system(row.files, places);
    all.extend(git(row.git, row.has_shell(), places));
    all.extend(terminal(row.has_shell(), places));
    all.push(network(row.has_shell(), places));
    all
}

/// Returns what must not work anywhere in a sandbox, and does without one.
pub fn control(places: &Places) -> Vec<Attempt> {
    let forbidden = Expected::Forbidden;
    let hook = places.clone.join(".git/hooks/post-commit");
    let secret = read(&places.outside.join("secret"));
    vec![
        attempt(
            Column::FileSystem,
            forbidden,
            write(&places.outside.join("made")),
        ),
        attempt(Column::Git, forbidden, write(&hook)),
        attempt(Column::Terminal, forbidden, secret),
        attempt(Column::Network, forbidden, connect(places.port)),
    ]
}

fn file_system(files: FileAccess, places: &Places) -> Vec<Attempt> {
    let column = Column::FileSystem;
    let clone = |path: &str| write(&places.clone.join(path));
    let (allowed, forbidden) = match files {
        FileAccess::Read => (read(&places.clone.join("src/a")), clone("docs/made")),
        FileAccess::Write(prefixes) => (clone(&format!("{}/made", prefixes[0])), clone("src/made")),
        FileAccess::Full => (clone("src/made"), write(&places.outside.join("made"))),
    };
    both(column, allowed, forbidden)
}

fn git(access: GitAccess, shell: bool, places: &Places) -> Vec<Attempt> {
    let column = Column::Git;
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
        GitAccess::No => vec![attempt(column, Expected::Forbidden, head())],
        GitAccess::Read => both(column, head(), write(&git.join("refs/heads/made"))),
        GitAccess::Full => {
            assert!(shell, "who commits has a shell to do it with");
            both(
                column,
                bash(commit, "made"),
                write(&git.join("hooks/post-commit")),
            )
        }
    }
}

fn terminal(shell: bool, places: &Places) -> Vec<Attempt> {
    let column = Column::Terminal;
    let hello = bash("echo terminal-$((6 * 7))", "terminal-42");
    if shell {
        both(column, hello, read(&places.outside.join("secret")))
    } else {
        vec![attempt(column, Expected::Forbidden, hello)]
    }
}

fn network(shell: bool, places: &Places) -> Attempt {
    let url = format!("http://127.0.0.1:{}/", places.port);
    let fetch = ("WebFetch", json!({ "url": url, "prompt": "read" }));
    let tried = if shell {
        connect(places.port)
    } else {
        (fetch, Sign::Reached)
    };
    attempt(Column::Network, Expected::Forbidden, tried)
}

fn both(column: Column, allowed: (Call, Sign), forbidden: (Call, Sign)) -> Vec<Attempt> {
    vec![
        attempt(column, Expected::Allowed, allowed),
        attempt(column, Expected::Forbidden, forbidden),
    ]
}

fn attempt(column: Column, expected: Expected, (call, sign): (Call, Sign)) -> Attempt {
    Attempt {
        column,
        expected,
        call,
        sign,
    }
}

fn write(path: &Path) -> (Call, Sign) {
    let input = json!({ "file_path": path, "content": "made\n" });
    (("Write", input), Sign::Made(path.to_owned()))
}

fn read(path: &Path) -> (Call, Sign) {
    says("Read", json!({ "file_path": path }), "src")
}

fn bash(command: &str, words: &str) -> (Call, Sign) {
    says(
        "Bash",
        json!({ "command": command, "description": "try" }),
        words,
    )
}

fn connect(port: u16) -> (Call, Sign) {
    let (call, _) = bash(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"), "");
    (call, Sign::Reached)
}

fn says(tool: &'static str, input: Value, words: &str) -> (Call, Sign) {
    ((tool, input), Sign::Says(words.to_owned()))
}
