//! What an agent tries in each cell of the table of roles, with the tools that the product gives it.

use std::path::PathBuf;

use eklavya_sandbox::examine::Column;
use eklavya_sandbox::policy::{
    Browser, FileAccess, GitAccess, NetworkClass, RolePolicy, Spawn, Terminal,
};
use serde_json::{Value, json};

/// What the row says about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Allowed,
    Forbidden,
}

/// How it is told that an attempt worked.
#[derive(Debug, Clone)]
pub enum Sign {
    /// The result is no error and has these words.
    Says(&'static str),
    /// This file is there on the machine itself.
    Made(PathBuf),
}

/// One call of a tool.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub column: Column,
    pub expected: Expected,
    pub tool: &'static str,
    pub input: Value,
    pub sign: Sign,
}

/// What attempts are about.
#[derive(Debug)]
pub struct Places {
    /// A directory of the machine's that every user may write, with a file `secret`.
    pub outside: PathBuf,
    /// Where a library is served, which is on every list of hosts.
    pub listed: String,
    /// Where it is not to be had: another host.
    pub unlisted: String,
}

/// A call and how it is told that it worked.
type Try = (&'static str, Value, Sign);

/// The name of the demo, which is open meanwhile.
const DEMO: &str = "http://demo-1.shop.localhost/";

/// Returns the attempts of a role: in each column one that its row allows and one that it does not. A
/// cell that allows nothing has the latter alone.
pub fn attempts(row: &RolePolicy, places: &Places) -> Vec<Attempt> {
    [
        (Column::FileSystem, files(row, places)),
        (Column::Git, git(row)),
        (Column::Terminal, terminal(row, places)),
        (Column::Browser, browser(row, places)),
        (Column::SpawnAgents, spawn(row)),
        (Column::Network, network(row, places)),
    ]
    .into_iter()
    .flat_map(|(column, (allowed, forbidden))| {
        let allowed = allowed.into_iter().map(|one| (Expected::Allowed, one));
        let forbidden = forbidden.into_iter().map(|one| (Expected::Forbidden, one));
        allowed
            .chain(forbidden)
            .map(move |(expected, (tool, input, sign))| Attempt {
                column,
                expected,
                tool,
                input,
                sign,
            })
    })
    .collect()
}

fn files(row: &RolePolicy, places: &Places) -> (Option<Try>, Vec<Try>) {
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
            (Some(allowed), vec![("Write", input, Sign::Made(outside))])
        }
    }
}

fn git(row: &RolePolicy) -> (Option<Try>, Vec<Try>) {
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

fn terminal(row: &RolePolicy, places: &Places) -> (Option<Try>, Vec<Try>) {
    let shell = bash("echo terminal-$((6 * 7))", "terminal-42");
    let tests = ours("mcp__eklavya__run_tests", json!({}), "\"passed\":true");
    let log = json!({ "name": "git-log" });
    let log = ours("mcp__eklavya__run_diagnostic", log, "Demo 1");
    match row.terminal {
        Terminal::Full => {
            let secret = format!("cat {}", places.outside.join("secret").display());
            (Some(shell), vec![bash(&secret, "somebody")])
        }
        Terminal::TestCommand => (Some(tests), vec![shell, log]),
        Terminal::Diagnostic => (Some(log), vec![shell, tests]),
        Terminal::No => (None, vec![shell, tests, log]),
    }
}

fn browser(row: &RolePolicy, places: &Places) -> (Option<Try>, Vec<Try>) {
    let open = |url: &str| {
        let input = json!({ "url": url });
        ours("mcp__eklavya__browser_open", input, "\"did\":\"opened\"")
    };
    match row.browser {
        Browser::Full => (Some(open(DEMO)), vec![open(&places.listed)]),
        Browser::No => (None, vec![open(DEMO)]),
    }
}

fn spawn(row: &RolePolicy) -> (Option<Try>, Vec<Try>) {
    let spawn = |role: &str| {
        let input = json!({ "role": role, "title": "One more", "instructions": "Write a page." });
        ours("mcp__eklavya__spawn_agent", input, "\"task\":")
    };
    // What the CLI itself would start.
    let own =
        json!({ "description": "more", "prompt": "say hi", "subagent_type": "general-purpose" });
    let own = ours("Task", own, "hi");
    match row.spawn {
        Spawn::Yes => (Some(spawn("developer")), vec![spawn("qa"), own]),
        Spawn::No => (None, vec![spawn("developer"), own]),
    }
}

fn network(row: &RolePolicy, places: &Places) -> (Option<Try>, Vec<Try>) {
    let fetch = |url: &str| {
        ours(
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

fn write(path: &str) -> Try {
    let path = format!("{{{{ clone }}}}/{path}");
    let input = json!({ "file_path": path, "content": "made\n" });
    ("Write", input, Sign::Says("successfully"))
}

fn read(path: &str, words: &'static str) -> Try {
    let input = json!({ "file_path": format!("{{{{ clone }}}}/{path}") });
    ("Read", input, Sign::Says(words))
}

fn bash(command: &str, words: &'static str) -> Try {
    let input = json!({ "command": command, "description": "try" });
    ("Bash", input, Sign::Says(words))
}

fn ours(tool: &'static str, input: Value, words: &'static str) -> Try {
    (tool, input, Sign::Says(words))
}
