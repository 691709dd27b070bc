//! Commands that Eklavya runs for agents without a shell, requested through the real CLI.

use eklavya_store::params;
use eklavya_store::{DatabaseLocation, Store};
use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, plan_with_tasks, say_step, tool_step, write_step,
};
use serde_json::{Value, json};

/// Writes a demo whose test program prints its arguments.
const SHOWS: &str = "\
mkdir -p site tests
echo hello > site/index.html
cat > tests/run.sh <<'END'
for argument; do printf 'GOT<%s>\\n' \"$argument\"; done
test \"$1\" != fail
END
git add -A
git commit -qm demo";

/// Arguments that a shell would interpret.
const HOSTILE: [&str; 8] = [
    "$(touch /tmp/ran; echo RAN)",
    "; echo RAN",
    "`echo RAN`",
    "a\necho RAN",
    "-c",
    "--",
    "' || echo RAN #",
    "*",
];

fn run_tests(arguments: &[&str]) -> Value {
    tool_step("mcp__eklavya__run_tests", json!({ "arguments": arguments }))
}

#[test]
fn no_shell_interprets_the_arguments_of_the_test_command() {
    let mut plan = plan_with_tasks(&[("T1", "tester", &[])]);
    plan["testCommand"] = "sh tests/run.sh \"$@\"".into();
    let long = "x".repeat(100_000);
    let steps = [
        write_step("tests/t.txt", "x\n"),
        run_tests(&HOSTILE),
        run_tests(&["fail"]),
        run_tests(&["a\0b"]),
        run_tests(&[&long]),
        tool_step("mcp__eklavya__run_tests", json!({ "command": "id" })),
        tool_step("mcp__eklavya__run_diagnostic", json!({ "name": "git-log" })),
        tool_step("mcp__eklavya__browser_open", json!({ "url": "http://x/" })),
        say_step("Tried."),
    ];
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_step("developer", "demo-*", bash_step(SHOWS))
        .with_answers("tester", "T1", ANY, steps);
    let story = StoryProject::with_approved_plan(&plan, &rehearsal)
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "1");
    let built = story.run("demo build shop");
    assert_eq!(built.code, 0, "{}", story.agent_output("demo-1", 1));
    story.ok("demo approve shop 1 --yes");
    story.ok("build shop");
    let did = story.agent_output("T1", 1);
    let trial = |arguments: &Value| {
        story
            .audit()
            .into_iter()
            .find(|line| line.action == "trial.run" && line.details["arguments"] == *arguments)
    };
    assert_eq!(trial(&json!(HOSTILE)).unwrap().details["passed"], true);
    assert_eq!(trial(&json!(["fail"])).unwrap().details["passed"], false);
    for word in [
        "GOT<; echo RAN>",
        "GOT<-c>",
        "GOT<*>",
        "GOT<-->",
        "durationMs",
        "truncated",
    ] {
        assert!(did.contains(word), "{word}: {did}");
    }
    // A shell that ran the command would print RAN on a separate line.
    assert!(!did.lines().any(|line| line.trim() == "RAN"), "{did}");
    assert!(did.contains("cannot contain a NUL"), "{did}");
    assert!(did.contains("are too many"), "{did}");
    assert!(did.contains("unknown field `command`"), "{did}");
    for name in ["run_diagnostic", "browser_open"] {
        let denied = story.audit().into_iter().any(|line| {
            line.action == "agent.tool"
                && line.details["tool"] == format!("mcp__eklavya__{name}")
                && line.details["decision"] == "denied"
        });
        assert!(denied, "{name}: {:#?}", story.audit());
    }
}

#[test]
fn a_test_command_without_parameters_refuses_arguments() {
    let plan = plan_with_tasks(&[("T1", "tester", &[])]);
    let steps = [
        write_step("tests/t.sh", "true\n"),
        run_tests(&["x"]),
        run_tests(&[]),
        say_step("Tried."),
    ];
    let rehearsal = RehearsalBuilder::happy_path(&plan).with_answers("tester", "T1", ANY, steps);
    let story = StoryProject::with_approved_demo(&plan, &rehearsal);
    story.ok("build shop");
    let did = story.agent_output("T1", 1);
    assert!(did.contains("takes no arguments"), "{did}");
    assert!(did.contains("exit 0"), "{did}");
}

#[test]
fn a_monitor_runs_diagnostics_by_name() {
    let mut plan = plan_with_tasks(&[("T1", "tester", &[])]);
    plan["diagnostics"] = json!([{ "name": "greeting", "command": "cat site/index.html; pwd" }]);
    let diagnostic =
        |name: &str| tool_step("mcp__eklavya__run_diagnostic", json!({ "name": name }));
    let steps = [
        diagnostic("git-log"),
        diagnostic("git-fsck"),
        diagnostic("git-status"),
        diagnostic("disk-use"),
        diagnostic("dependencies"),
        diagnostic("machine"),
        diagnostic("greeting"),
        diagnostic("greeting; id"),
        tool_step("mcp__eklavya__run_tests", json!({})),
        say_step("All is well."),
    ];
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("tester", "T1", ANY, [say_step("Nothing to do.")])
        .with_answers("monitor", "T1", ANY, steps);
    let story = StoryProject::with_approved_demo(&plan, &rehearsal)
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "1");
    // No plan can assign a build task to a monitor, because a monitor changes no files.
    assert_ne!(story.run("build shop").code, 0);
    hand_to_the_monitor(&story);
    story.ok("tasks retry shop T1 --yes");
    story.ok("build shop");
    let did = story.agent_output("T1", 2);
    for words in [
        "Demo 1",
        "MemAvailable",
        "hello from demo 1",
        "is not a diagnostic",
    ] {
        assert!(did.contains(words), "{words}: {did}");
    }
    let ran: Vec<String> = story
        .audit()
        .into_iter()
        .filter(|line| line.action == "diagnostic.run" && line.details["exit"] == "exit 0")
        .map(|line| line.details["diagnostic"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "git-log",
        "git-fsck",
        "git-status",
        "disk-use",
        "dependencies",
        "machine",
    ];
    assert_eq!(ran, expected, "{did}");
}

fn hand_to_the_monitor(story: &StoryProject) {
    let database = story.env.home().join("eklavya.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let location = DatabaseLocation::File(database.into());
        let opened = Store::open(&location).await.unwrap();
        let mut tx = opened.begin_write().await.unwrap();
        let sql = "UPDATE tasks SET role = $1 WHERE key = $2";
        tx.execute(sql, params!["monitor", "T1"]).await.unwrap();
        tx.commit().await.unwrap();
    });
}
