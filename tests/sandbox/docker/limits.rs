//! The limits of a container, and its settings and labels.

use std::fs;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::{MountAccess, ProgramSpec, SandboxProfile};
use eklavya_testkit::servers::docker::{docker_command, socket};
use serde_json::Value;

use crate::fixtures::backend::CONTAINER_LIMITS;
use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::{SandboxProject, read_output, wait_until};

#[tokio::test]
async fn processes_memory_and_temporary_files_are_limited() {
    let project = SandboxProject::new(SandboxBackend::Docker).await;
    let mut spec = project.spec(SandboxProfile::Command(MountAccess::Write));
    spec.tmp_bytes = 16 << 20;
    let forks = "n=0; while [ $n -lt 400 ]; do sleep 300 & n=$((n+1)); done 2>&1; echo; exit 0";
    let output = project.run(&spec, forks).await;
    let refused = output.output.contains("Cannot fork") || output.output.contains("unavailable");
    assert!(refused, "{output:?}");
    // Far more memory than the container may use: the kernel kills the process.
    let most = CONTAINER_LIMITS.memory_mib;
    let line = format!(
        "head -c {}m /dev/zero | tail -c {}m | wc -c",
        2 * most,
        2 * most - 1
    );
    let output = project.run(&spec, &line).await;
    assert!(
        !output
            .output
            .contains(&(u64::from(2 * most - 1) << 20).to_string()),
        "{output:?}"
    );
    for target in ["/tmp", "/dev/shm", "$TMPDIR"] {
        let fill = format!("head -c 20m /dev/zero > {target}/x");
        let output = project.run(&spec, &fill).await;
        assert!(
            output.output.contains("No space left"),
            "{target}: {output:?}"
        );
    }
    for target in [
        "/x",
        "/etc/x",
        "/dev/x",
        "/run/x",
        "/run/eklavya/x",
        "/opt/x",
    ] {
        let output = project.run(&spec, &format!("echo x > {target}")).await;
        assert!(!output.exit.is_success(), "{target}: {output:?}");
    }
}

#[tokio::test]
async fn the_engine_gets_all_restrictions_and_no_secret() {
    let project = SandboxProject::new(SandboxBackend::Docker).await;
    let mut spec = project.spec(SandboxProfile::Agent(Role::Developer));
    spec.labels.insert("agent", "the-agent".to_owned());
    let line = "echo ready > ready; while :; do sleep 0.05; done";
    let inner = ProgramSpec::new("/bin/sh", ["-c", line])
        .env("PATH", "/usr/bin:/bin")
        .env("TOKEN", "a-canary");
    let mut child = project.start(&spec, inner).await.unwrap();
    wait_until("the program runs", || project.path("ready").exists()).await;
    let (_, ids) = docker_command(
        &socket(),
        &["ps", "-q", "--filter", "label=eklavya.agent=the-agent"],
    );
    let (found, text) = docker_command(&socket(), &["inspect", ids.trim()]);
    assert!(found, "{text}");
    assert!(!text.contains("a-canary"), "{text}");
    let all: Value = serde_json::from_str(&text).unwrap();
    let (host, config) = (&all[0]["HostConfig"], &all[0]["Config"]);
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["CapDrop"][0], "ALL");
    assert_eq!(host["SecurityOpt"][0], "no-new-privileges");
    assert_eq!(host["IpcMode"], "private");
    assert_eq!(host["Privileged"], false);
    assert_eq!(host["PidsLimit"], CONTAINER_LIMITS.pids);
    assert_eq!(host["Memory"], u64::from(CONTAINER_LIMITS.memory_mib) << 20);
    assert_eq!(host["MemorySwap"], host["Memory"]);
    assert_eq!(config["User"], "70001:70001");
    for label in ["installation", "host", "process", "boot", "agent"] {
        assert!(
            config["Labels"][format!("eklavya.{label}")].is_string(),
            "{config}"
        );
    }
    let mounts = all[0]["Mounts"].as_array().unwrap();
    let sources = mounts.iter().map(|mount| mount["Source"].as_str().unwrap());
    for source in sources {
        assert!(
            !source.contains(".sock"),
            "a socket itself is mounted: {source}"
        );
    }
    child.kill_tree().await.unwrap();
    let _ = read_output(&mut child).await;
    assert!(fs::read_dir("/proc").is_ok());
    let gone = || {
        docker_command(
            &socket(),
            &["ps", "-aq", "--filter", "label=eklavya.agent=the-agent"],
        )
        .1
    };
    wait_until("the container is removed", || gone().is_empty()).await;
}
