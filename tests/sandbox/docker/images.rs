//! `eklavya image` on a separate engine, and the errors of commands if Docker cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use eklavya_testkit::cli::{CommandResult, TestEnv};
use eklavya_testkit::program::eklavya_program;
use eklavya_testkit::servers::docker::{BASE, DockerDaemon, docker_command};
use serde_json::Value;

fn env_on(daemon: &DockerDaemon) -> TestEnv {
    let socket = daemon.socket();
    let env = TestEnv::empty()
        .with("PATH", "/usr/local/bin:/usr/bin:/bin")
        .with("EKLAVYA_SANDBOX_ISOLATION", "docker")
        .with("EKLAVYA_DOCKER_SOCKET", socket.to_str().unwrap());
    env.run(&["init", "--yes"]).ok();
    env
}

fn list_images(env: &TestEnv) -> Vec<Value> {
    let listed = env.run(&["image", "list", "--output", "json"]).ok().json();
    listed.as_array().unwrap().clone()
}

fn try_role(env: &TestEnv) -> CommandResult {
    env.run(&["sandbox", "run", "--role", "developer", "--", "true"])
}

#[track_caller]
fn assert_says(outcome: &CommandResult, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:#?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}: {outcome:#?}");
    }
}

#[test]
fn images_are_built_listed_and_pruned() {
    let mut daemon = DockerDaemon::start();
    let env = env_on(&daemon);
    assert!(list_images(&env).is_empty());
    assert_says(
        &try_role(&env),
        7,
        &["no image eklavya/agent:shell", "eklavya image build"],
    );
    daemon.import_base();

    // The build fails early if the base image cannot run the program.
    let old = env.write_file(
        "Dockerfile",
        format!("FROM {BASE}\nRUN rm /lib/x86_64-linux-gnu/libgcc_s.so.1\n"),
    );
    let directory = old.parent().unwrap();
    let (made, text) = docker_command(
        &daemon.socket(),
        &["build", "-q", "-t", "old", directory.as_str()],
    );
    assert!(made, "{text}");
    let built = env.run(&["image", "build", "--base", "old"]);
    assert_says(&built, 7, &["libgcc_s.so.1", "choose a newer base"]);

    let built = env
        .run(&["image", "build", "--base", BASE, "--output", "json"])
        .ok();
    assert_eq!(built.json().as_array().unwrap().len(), 2, "{built:#?}");
    try_role(&env).ok();
    let doctor = env.run(&["doctor", "--output", "jsonl"]);
    let sandbox = |line: &&str| line.contains("\"sandbox") && !line.contains("\"ok\"");
    let bad: Vec<&str> = doctor.stdout.lines().filter(sandbox).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let cells = doctor
        .stdout
        .lines()
        .filter(|line| line.contains("\"role\""));
    let (good, other): (Vec<_>, Vec<_>) = cells.partition(|line| line.contains("\"ok\""));
    assert_eq!((good.len(), other), (60, Vec::new()));

    let (current, others): (Vec<_>, Vec<_>) = list_images(&env)
        .into_iter()
        .partition(|image| image["current"] == true);
    assert_eq!(current.len(), 2, "{current:#?}");
    assert!(!others.is_empty(), "the images of the old base are listed");

    // A foreign image stays, and so does an image that a container uses.
    let (made, text) = docker_command(&daemon.socket(), &["create", "eklavya/agent:bare", "x"]);
    assert!(made, "{text}");
    env.run(&["image", "prune"]).ok();
    let left = list_images(&env);
    assert_eq!(
        left.iter().filter(|image| image["current"] == true).count(),
        2
    );
    env.run(&["image", "prune", "--all"]).ok();
    let left = list_images(&env);
    assert!(left.iter().all(|image| image["used"] == true), "{left:#?}");
    assert!(docker_command(&daemon.socket(), &["inspect", BASE]).0);
    assert_says(&try_role(&env), 7, &["no image eklavya/agent:shell"]);

    // An image of another version.
    let file = "FROM eklavya/test-base:bookworm\nLABEL eklavya.image=shell eklavya.version=0.0.9\n";
    env.write_file("Dockerfile", file);
    let (made, text) = docker_command(
        &daemon.socket(),
        &[
            "build",
            "-q",
            "-t",
            "eklavya/agent:shell",
            env.path().as_str(),
        ],
    );
    assert!(made, "{text}");
    assert_says(
        &try_role(&env),
        7,
        &["was built for eklavya 0.0.9", "eklavya image build"],
    );

    // The engine stops in the middle of a build.
    let slow = format!("FROM {BASE}\nONBUILD RUN sleep 60\n");
    env.write_file("Dockerfile", slow);
    let (made, text) = docker_command(
        &daemon.socket(),
        &["build", "-q", "-t", "slow", env.path().as_str()],
    );
    assert!(made, "{text}");
    let broken = spawn_command(&env, &["image", "build", "--base", "slow"]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    daemon.stop();
    let ended = broken.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(7), "{text}");
    assert!(text.contains("error: "), "{text}");
    assert_says(
        &try_role(&env),
        7,
        &["does not answer", "systemctl start docker"],
    );
}

#[test]
fn a_missing_engine_is_reported_by_every_command_that_needs_it() {
    let env = TestEnv::empty()
        .with("PATH", "/usr/local/bin:/usr/bin:/bin")
        .with("EKLAVYA_DOCKER_SOCKET", "/nowhere/docker.sock");
    env.run(&["init", "--yes"]).ok();
    for command in [
        &["image", "list"][..],
        &["image", "build"],
        &["image", "prune"],
        &[
            "sandbox",
            "run",
            "--role",
            "qa",
            "--set",
            "sandbox.isolation=docker",
            "--",
            "git",
        ],
    ] {
        let words = ["/nowhere/docker.sock", "does not answer", "docker.socket"];
        assert_says(&env.run(command), 7, &words);
    }
    for base in ["", "a b", "-x"] {
        let argument = format!("--base={base}");
        assert_says(
            &env.run(&["image", "build", &argument]),
            2,
            &["not the name of an image"],
        );
    }
    assert_says(
        &env.run(&["project", "isolation", "shop", "podman"]),
        2,
        &["docker"],
    );
    assert_says(
        &env.run(&["project", "isolation", "shop", "docker"]),
        3,
        &["shop"],
    );
    // doctor does not report a missing engine if no project uses Docker.
    let doctor = env.run(&["doctor"]);
    assert!(!doctor.stdout.contains("/nowhere"), "{doctor:#?}");
}

/// The command runs as a user without access to the engine's socket.
#[test]
fn a_socket_without_access_is_reported() {
    let daemon = DockerDaemon::start();
    let program_dir = tempfile::tempdir().unwrap();
    for directory in [program_dir.path(), daemon.socket().parent().unwrap()] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = program_dir.path().join("eklavya");
    fs::copy(eklavya_program(), &program).unwrap();
    let ended = command(&program)
        .args(["image", "list"])
        .env_clear()
        .env("EKLAVYA_HOME", program_dir.path().join("home"))
        .env("EKLAVYA_DOCKER_SOCKET", daemon.socket())
        .current_dir(program_dir.path())
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(7), "{text}");
    for word in ["may not be used by this user", "usermod -aG docker"] {
        assert!(text.contains(word), "{text}");
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start what a person would")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

fn spawn_command(env: &TestEnv, arguments: &[&str]) -> Child {
    command(&eklavya_program())
        .args(arguments)
        .env_clear()
        .envs(env.variables())
        .current_dir(env.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
