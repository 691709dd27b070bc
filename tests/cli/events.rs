//! `eklavya events`

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use eklavya_core::process;
use eklavya_testkit::cli::TestEnv;
use eklavya_testkit::program::eklavya_program;
use insta::{assert_json_snapshot, assert_snapshot};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A running `eklavya events tail --follow`; killed at the end of the test.
struct EventsTailProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl EventsTailProcess {
    fn follow_since(env: &TestEnv, seq: &str) -> Self {
        let mut command = process::new_command(eklavya_program()).into_std();
        command
            .args(["events", "tail", "--follow", "--output", "jsonl"])
            .args(["--since", seq]);
        command.env_clear().envs(env.variables());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    fn next_event(&mut self) -> Value {
        let line = self.lines.next().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Interrupts the process, like Ctrl-C.
    fn interrupt(mut self) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGINT).unwrap();
        assert!(!self.child.wait().unwrap().success());
    }
}

impl Drop for EventsTailProcess {
    fn drop(&mut self) {
        // The process has ended, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_event_schema_is_stable() {
    let env = TestEnv::empty();
    let schema = env.run(&["events", "schema"]).ok().json();
    assert_json_snapshot!("events_schema", schema);
    let line = env
        .run(&["events", "schema", "--output", "jsonl"])
        .ok()
        .stdout;
    assert_eq!(line.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), schema);
}

#[test]
fn the_log_is_read_from_any_position() {
    let env = TestEnv::new();
    let nothing = env.run(&["events", "tail"]).ok();
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("", "No events\n")
    );
    for number in 1..=21 {
        env.create_project(&format!("Shop {number}"));
    }
    let read = |line: &str| -> Vec<i64> {
        let line: Vec<&str> = line.split(' ').collect();
        let json = ["--output", "jsonl"];
        let out = env
            .run(&[&["events", "tail"], &line[..], &json].concat())
            .ok();
        let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_i64();
        out.stdout.lines().map(|line| seq(line).unwrap()).collect()
    };
    assert_eq!(read("--since 0"), (1..=21).collect::<Vec<_>>());
    assert_eq!(read("--since 19"), [20, 21]);
    assert_eq!(read("--since 21"), [] as [i64; 0]);
    assert_eq!(read("--quiet"), (2..=21).collect::<Vec<_>>(), "the last 20");
    assert_eq!(read("shop-7"), [7]);
    assert_eq!(read("shop-7 --since 7"), [] as [i64; 0]);

    let document = env
        .run(&["events", "tail", "shop-3", "--output", "json"])
        .ok()
        .json();
    assert_eq!(document[0]["payload"]["name"], "Shop 3");
    let people = env.run(&["events", "tail", "shop-3"]).ok().stdout;
    assert!(
        people.starts_with("     3  ") && people.ends_with("Shop 3, for Ada\n"),
        "{people}"
    );
}

#[test]
fn a_consumer_that_reconnects_gets_exactly_the_missed_events() {
    let env = TestEnv::new();
    let mut tail = EventsTailProcess::follow_since(&env, "0");
    env.create_project("Shop");
    let first = tail.next_event();
    assert_eq!(first["payload"]["name"], "Shop");
    env.create_project("Tea");
    assert_eq!(tail.next_event()["payload"]["name"], "Tea");
    tail.interrupt();
    env.create_project("Book");
    let mut tail = EventsTailProcess::follow_since(&env, &first["seq"].to_string());
    assert_eq!(tail.next_event()["payload"]["name"], "Tea");
    assert_eq!(tail.next_event()["payload"]["name"], "Book");
    env.create_project("Last");
    assert_eq!(tail.next_event()["payload"]["name"], "Last");
}

#[test]
fn invalid_arguments_are_refused() {
    let env = TestEnv::new();
    let refusals = [
        "events tail --follow --output json",
        "events tail --since -1",
        "events tail --since later",
    ];
    let messages = refusals.map(|line| {
        let arguments: Vec<&str> = line.split(' ').collect();
        let outcome = env.run(&arguments).assert_exit_code(2);
        format!("$ {line}\n{}\n", outcome.stderr)
    });
    assert_snapshot!(messages.concat());
    env.run(&["events", "tail", "nowhere"]).assert_exit_code(3);
}
