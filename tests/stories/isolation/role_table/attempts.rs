//! The attempts of an agent in each cell of the table of roles, with the tools that the product
//! provides.

use std::path::PathBuf;

use eklavya_sandbox::role_policy::{
    BrowserAccess, FileAccess, GitAccess, NetworkClass, RolePolicy, SpawnAccess, TerminalAccess,
};
use eklavya_sandbox::selftest::MatrixColumn;
use serde_json::{Value, json};

/// The result that the row requires of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleExpectation {
    Allowed,
    Forbidden,
}

/// The sign that an attempt worked.
#[derive(Debug, Clone)]
pub enum RoleSuccessSign {
    /// The result is no error and contains this text.
    OutputContains(&'static str),
    /// This file exists on the host.
    FileCreated(PathBuf),
}

/// One call of a tool.
#[derive(Debug, Clone)]
pub struct RoleAttempt {
    pub column: MatrixColumn,
    pub expected: RoleExpectation,
    pub tool: &'static str,
    pub input: Value,
    pub sign: RoleSuccessSign,
}

/// The targets of the attempts.
#[derive(Debug)]
pub struct RoleTargets {
    /// A directory of the host that every user may write, with a file `secret`.
    pub outside: PathBuf,
    /// The URL of a library on a host that is on every list.
    pub listed: String,
    /// A URL on a host that is on no list.
    pub unlisted: String,
}

/// A call and the sign that it worked.
type RoleToolCall = (&'static str, Value, RoleSuccessSign);

/// The URL of the demo, which is open during the attempts.
const DEMO: &str = "http://demo-1.shop.localhost/";

/// Returns the attempts of a role: in each column one that its row allows and one that it forbids.
/// A cell that allows nothing has only a forbidden attempt.
pub fn attempts(row: &RolePolicy, places: &RoleTargets) -> Vec<RoleAttempt> {
    [
        (MatrixColumn::FileSystem, files(row, places)),
        (MatrixColumn::Git, git(row)),
        (MatrixColumn::Terminal, terminal(row, places)),
        (MatrixColumn::Browser, browser(row, places)),
        (MatrixColumn::SpawnAgents, spawn(row)),
        (MatrixColumn::Network, network(row, places)),
    ]
    .into_iter()
    .flat_map(|(column, (allowed, forbidden))| {
        let allowed = allowed
            .into_iter()
            .map(|one| (RoleExpectation::Allowed, one));
        let forbidden = forbidden
            .into_iter()
            .map(|one| (RoleExpectation::Forbidden, one));
        allowed
            .chain(forbidden)
            .map(move |(expected, (tool, input, sign))| RoleAttempt {
                column,
                expected,
                tool,
                input,
                sign,
            })
    })
    .collect()
}

fn files(row: &RolePolicy, places: &RoleTargets) -> (Option<RoleToolCall>, Vec<RoleToolCall>) {
    match row.files {
        FileAccess::Read => (
            Some(read("site/index.html", "hello")),
            vec![write("docs/made.txt")],
        ),
        FileAccess::Write(prefixes) => (
            Some(write(&format!("{}/made.txt", prefixes[0]))),
            vec![write("site/made.txt")],
        ),
        FileAccess::Full => {
            let outside = places.outside.join("made");
            let input = json!({ "file_path": outside, "content": "made" });
            let allowed = write(&format!("site/made-by-{}.txt", row.role));
            (
                Some(allowed),
                vec![("Write", input, RoleSuccessSign::FileCreated(outside))],
            )
        }
    }
}

fn git(row: &RolePolicy) -> (Option<RoleToolCall>, Vec<RoleToolCall>) {
    let head = || read(".git/HEAD", "refs/heads");
    match row.git {
        GitAccess::No => (None, vec![head()]),
        GitAccess::Read => (Some(head()), vec![write(".git/refs/heads/made")]),
        GitAccess::Full => {
            let commit = "git add -A && git commit -qm made-here && git log --format=%s";
            let allowed = bash(commit, "made-here");
            (Some(allowed), vec![write(".git/hooks/post-commit")])
        }
    }
}

fn terminal(row: &RolePolicy, places: &RoleTargets) -> (Option<RoleToolCall>, Vec<RoleToolCall>) {
    let shell = bash("echo terminal-$((6 * 7))", "terminal-42");
    let tests = product_tool("mcp__eklavya__run_tests", json!({}), "\"passed\":true");
    let log = json!({ "name": "git-log" });
    let log = product_tool("mcp__eklavya__run_diagnostic", log, "Demo 1");
    match row.terminal {
        TerminalAccess::Full => {
            let secret = format!("cat {}", places.outside.join("secret").display());
            (Some(shell), vec![bash(&secret, "another user")])
        }
        TerminalAccess::TestCommand => (Some(tests), vec![shell, log]),
        TerminalAccess::Diagnostic => (Some(log), vec![shell, tests]),
        TerminalAccess::No => (None, vec![shell, tests, log]),
    }
}

fn browser(row: &RolePolicy, places: &RoleTargets) -> (Option<RoleToolCall>, Vec<RoleToolCall>) {
    let open = |url: &str| {
        let input = json!({ "url": url });
        product_tool("mcp__eklavya__browser_open", input, "\"did\":\"opened\"")
    };
    match row.browser {
        BrowserAccess::Full => (Some(open(DEMO)), vec![open(&places.listed)]),
        BrowserAccess::No => (None, vec![open(DEMO)]),
    }
}

fn spawn(row: &RolePolicy) -> (Option<RoleToolCall>, Vec<RoleToolCall>) {
    let spawn = |role: &str| {
        let input = json!({ "role": role, "title": "One more", "instructions": "Write a page." });
        product_tool("mcp__eklavya__spawn_agent", input, "\"task\":")
    };
    // The subagent of the CLI itself.
    let own =
        json!({ "description": "more", "prompt": "say hi", "subagent_type": "general-purpose" });
    let own = product_tool("Task", own, "hi");
    match row.spawn {
        SpawnAccess::Yes => (Some(spawn("developer")), vec![spawn("qa"), own]),
        SpawnAccess::No => (None, vec![spawn("developer"), own]),
    }
}

fn network(row: &RolePolicy, places: &RoleTargets) -> (Option<RoleToolCall>, Vec<RoleToolCall>) {
    let fetch = |url: &str| {
        product_tool(
            "mcp__eklavya__fetch",
            json!({ "url": url }),
            "\"status\":200",
        )
    };
    let library = |host: &str| {
        if row.has_shell() {
            bash(&format!("git ls-remote {host}lib/.git"), "refs/heads")
        } else {
            fetch(&format!("{host}lib/README"))
        }
    };
    let (listed, unlisted) = (library(&places.listed), library(&places.unlisted));
    match row.network {
        NetworkClass::Internal => (None, vec![listed]),
        NetworkClass::TestOnly => (Some(fetch(DEMO)), vec![listed]),
        NetworkClass::Research
        | NetworkClass::PackageManagers
        | NetworkClass::Metrics
        | NetworkClass::Full => (Some(listed), vec![unlisted]),
    }
}

fn write(path: &str) -> RoleToolCall {
    let path = format!("{{{{ clone }}}}/{path}");
    let input = json!({ "file_path": path, "content": "made\n" });
    (
        "Write",
        input,
        RoleSuccessSign::OutputContains("successfully"),
    )
}

fn read(path: &str, words: &'static str) -> RoleToolCall {
    let input = json!({ "file_path": format!("{{{{ clone }}}}/{path}") });
    ("Read", input, RoleSuccessSign::OutputContains(words))
}

fn bash(command: &str, words: &'static str) -> RoleToolCall {
    let input = json!({ "command": command, "description": "try" });
    ("Bash", input, RoleSuccessSign::OutputContains(words))
}

fn product_tool(tool: &'static str, input: Value, words: &'static str) -> RoleToolCall {
    (tool, input, RoleSuccessSign::OutputContains(words))
}
