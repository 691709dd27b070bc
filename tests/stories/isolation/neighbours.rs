//! Two projects in one installation: an agent of one project cannot reach the other.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use eklavya_testkit::host::{http_get, wait_for};
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, delayed_step, plan_with_tasks, say_step, tool_step,
    write_step,
};
use eklavya_testkit::story::{StoryCommand, StoryProject};
use serde_json::{Value, json};

/// The secret of the other project.
const SECRET: &str = "a-value-of-the-neighbour";

/// Asserts that an agent of one project cannot reach anything of another project, with these
/// variables in the environment. First shows that the same attempts work on the host.
///
/// # Panics
/// If an attempt works in the sandbox, or fails on the host.
pub fn assert_neighbour_unreachable(variables: &[(&str, &str)]) {
    let plan = plan_with_tasks(&[("T1", "developer", &[]), ("T2", "tester", &[])]);
    let mut story = StoryProject::with_approved_demo(&plan, &RehearsalBuilder::happy_path(&plan));
    for (name, value) in variables {
        story = story.with_variable(name, value);
    }
    let rival = RivalProject::start(&story);
    let script = rival.attempt_script();
    let found = run_on_host(&script);
    for (what, _) in rival.attempt_commands() {
        assert!(found.contains(&format!("GOT {what}\n")), "{what}: {found}");
    }
    fs::remove_file(rival.root.join("planted")).unwrap();

    story.set_rehearsal(&intruder_rehearsal(&plan, &script, &rival));
    story.ok("build shop");
    let tried = &story.tool_results("T1", 1)[0];
    assert!(tried.1.contains("tried all"), "{tried:?}");
    assert!(!tried.1.contains("GOT"), "{tried:?}");
    for (is_error, text) in &story.tool_results("T2", 1)[1..] {
        assert!(is_error, "{text}");
    }
    assert!(!rival.root.join("planted").exists());
    // The agents of this project got no secret of the other project.
    for task in ["T1", "T2"] {
        assert!(!story.agent_output(task, 1).contains(SECRET));
    }
    assert!(rival.is_untouched(&story));
}

/// Returns a rehearsal in which a developer makes the attempts in its shell, and a tester uses
/// Eklavya's tools to reach the other project.
fn intruder_rehearsal(plan: &Value, script: &str, rival: &RivalProject) -> RehearsalBuilder {
    let fetch = |url: &str| tool_step("mcp__eklavya__fetch", json!({ "url": url }));
    let read = |path: PathBuf| tool_step("Read", json!({ "file_path": path }));
    RehearsalBuilder::happy_path(plan)
        .with_answers(
            "developer",
            "T1",
            ANY,
            [
                bash_step(script),
                write_step("site/mine.html", "mine\n"),
                say_step("Tried."),
            ],
        )
        .with_answers(
            "tester",
            "T2",
            ANY,
            [
                write_step("tests/mine.txt", "mine\n"),
                fetch("http://demo-1.rival.localhost/"),
                fetch("http://preview.rival.localhost/"),
                fetch(&rival.preview),
                tool_step("mcp__eklavya__run_check", json!({ "criterion": "C1" })),
                read(rival.root.join("repo.git/HEAD")),
                read(rival.home.join("eklavya.db")),
                say_step("Tried."),
            ],
        )
}

/// The other project, with a running agent.
struct RivalProject {
    home: PathBuf,
    root: PathBuf,
    /// The sockets of the running agent.
    sockets: Vec<PathBuf>,
    /// The process of the running agent.
    pid: u64,
    /// The URL of the running demo.
    preview: String,
    _running: StoryCommand,
}

impl RivalProject {
    fn start(story: &StoryProject) -> Self {
        let plan = plan_with_tasks(&[("B1", "developer", &[])]);
        // The agent works for half an hour, which is longer than the test, and is never silent for
        // long.
        let mut slow = vec![write_step("site/theirs.html", "theirs\n")];
        slow.extend(std::iter::repeat_n(
            delayed_step(60.0, bash_step("true")),
            30,
        ));
        story.set_rehearsal(&RehearsalBuilder::happy_path(&plan).with_answers(
            "developer",
            "B1",
            ANY,
            slow,
        ));
        story.env.write_file("secret.txt", SECRET);
        story.env.write_file("brief.md", "# A rival\n\nA page.\n");
        for line in [
            "project new Rival --brief brief.md --client Bob --budget 25 --yes",
            "plan rival",
            "plan approve rival --yes",
            "demo build rival",
            "demo approve rival 1 --yes",
            "secret set rival TOKEN --file secret.txt --for tests",
        ] {
            story.ok(line);
        }
        let running = story.start("build rival");
        let home = story.env.home().as_std_path().to_owned();
        let root = home.join("projects/rival");
        let pid = wait_for("the neighbour's agent works", || {
            let agents = story.json("agents ps rival");
            agents.as_array()?.first()?["pid"].as_u64()
        });
        let sockets = wait_for("its door is open", || {
            Some(sockets(&home)).filter(|found| !found.is_empty())
        });
        story.ok("demo open rival 1");
        let demo = story.json("demo show rival 1");
        Self {
            sockets,
            pid,
            preview: demo["previewUrl"].as_str().unwrap().to_owned(),
            home,
            root,
            _running: running,
        }
    }

    /// Returns the targets, each with the command that tries to reach it.
    fn attempt_commands(&self) -> Vec<(&'static str, String)> {
        let (home, root) = (self.home.display(), self.root.display());
        let pid = self.pid;
        let of = |socket: &PathBuf| format!("test -S {}", socket.display());
        let any: Vec<String> = self.sockets.iter().map(of).collect();
        let port = self
            .preview
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .unwrap();
        vec![
            ("files", format!("ls {root}/repo.git")),
            ("work", format!("ls {root}/work")),
            ("planting", format!("touch {root}/planted")),
            (
                "history",
                format!("git -c safe.directory='*' ls-remote {root}/repo.git"),
            ),
            ("rows", format!("grep -aq Rival {home}/eklavya.db")),
            (
                "messages",
                format!("grep -aq agent:working {home}/eklavya.db"),
            ),
            ("key of secrets", format!("test -s {home}/secret.key")),
            ("configuration", format!("cat {home}/config.yaml")),
            ("socket", any.join(" || ")),
            ("socket by the process", format!("ls /proc/{pid}/root/")),
            ("preview", format!("exec 3<>/dev/tcp/127.0.0.1/{port}")),
            ("process", format!("kill -0 {pid}")),
            (
                "environment",
                format!("test -r /proc/{pid}/environ && cat /proc/{pid}/environ"),
            ),
        ]
    }

    fn attempt_script(&self) -> String {
        let mut script = String::new();
        for (what, command) in self.attempt_commands() {
            writeln!(script, "( {command} ) >/dev/null 2>&1 && echo 'GOT {what}'").unwrap();
        }
        script + "echo tried all"
    }

    fn is_untouched(&self, story: &StoryProject) -> bool {
        let tasks = story.json("tasks list rival");
        let tasks = tasks.as_array().unwrap();
        let own = tasks.iter().find(|task| task["key"] == "B1").unwrap();
        own["status"] == "running" && http_get(&self.preview).is_some()
    }
}

/// Returns the sockets below a directory.
fn sockets(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(sockets(&entry.path())),
            Ok(kind) if kind.is_socket() => found.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command runs without a sandbox"
)]
fn run_on_host(script: &str) -> String {
    let output = Command::new("bash").args(["-c", script]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
