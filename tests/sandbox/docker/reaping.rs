//! Containers whose relays were killed or frozen, and the removal of what they leave behind.

use std::fs;
use std::time::Duration;

use eklavya_sandbox::{
    KernelRequirements, MountAccess, ProgramSpec, Sandbox, SandboxProfile, kill_orphan,
};
use eklavya_testkit::program::eklavya_program;
use eklavya_testkit::servers::docker::{docker_command, ensure_images};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::backend::docker_settings;
use crate::fixtures::sandbox_project::{SandboxProject, agent_user, processes_with, wait_until};

/// Returns a sandbox of a separate installation.
async fn sandbox(installation: &str) -> Sandbox {
    let mut settings = docker_settings(ensure_images().await);
    installation.clone_into(&mut settings.installation);
    settings.stages = settings.socket.with_extension(installation);
    let made = Sandbox::probe_docker(
        settings,
        eklavya_program(),
        agent_user(),
        KernelRequirements::default(),
    )
    .await;
    made.unwrap()
}

fn containers(socket: &std::path::Path, installation: &str) -> usize {
    let label = format!("label=eklavya.installation={installation}");
    docker_command(socket, &["ps", "-aq", "--filter", &label])
        .1
        .lines()
        .count()
}

#[tokio::test]
async fn only_containers_without_an_owner_are_removed() {
    let (socket, mut project) = (
        ensure_images().await,
        SandboxProject::new(SandboxBackend::Docker).await,
    );
    project.sandbox = sandbox("reaping").await;
    let stages = socket.with_extension("reaping");
    let mark = format!("sleep 77{}", std::process::id());
    let inner =
        ProgramSpec::new("/bin/sh", ["-c", &format!("{mark}; true")]).env("PATH", "/usr/bin:/bin");
    let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
    let mut lives = project.start(&spec, inner.clone()).await.unwrap();
    wait_until("the program runs", || processes_with(&mark).len() >= 2).await;
    // Containers with the labels of a dead process, never started, as after a kill at the wrong
    // moment.
    let host = eklavya_core::process::HostIdentity::current().digest;
    let labels = |installation: &str, host: &str| {
        [
            format!("--label=eklavya.installation={installation}"),
            format!("--label=eklavya.host={host}"),
            format!(
                "--label=eklavya.boot={}",
                fs::read_to_string("/proc/sys/kernel/random/boot_id")
                    .unwrap()
                    .trim()
            ),
            "--label=eklavya.process=1 1".to_owned(),
        ]
    };
    for labels in [
        labels("reaping", &host),
        labels("reaping", "another-host"),
        labels("another-installation", &host),
    ] {
        let mut words = vec!["create"];
        words.extend(labels.iter().map(String::as_str));
        words.extend(["eklavya/agent:shell", "true"]);
        let (made, output) = docker_command(&socket, &words);
        assert!(made, "{output}");
    }
    // A directory of a process that has ended, and one without a process.
    let abandoned = stages.join("abandoned");
    fs::create_dir_all(&abandoned).unwrap();
    fs::write(abandoned.join("owner"), format!("{host} 1 1")).unwrap();
    assert_eq!(project.sandbox.remove_abandoned().await.unwrap(), 1);
    assert_eq!(project.sandbox.remove_abandoned().await.unwrap(), 0);
    assert!(!abandoned.exists());
    assert_eq!(
        containers(&socket, "reaping"),
        2,
        "the live container and the one of another host stay"
    );
    assert_eq!(containers(&socket, "another-installation"), 1);
    assert_eq!(lives.try_wait().await.unwrap(), None);
    lives.kill_tree().await.unwrap();
    for label in ["another-installation", "reaping"] {
        let label = format!("label=eklavya.installation={label}");
        let (_, ids) = docker_command(&socket, &["ps", "-aq", "--filter", &label]);
        for id in ids.lines() {
            docker_command(&socket, &["rm", "-f", id]);
        }
    }
}

/// A worker that takes over kills a frozen relay and its container.
#[tokio::test]
async fn a_frozen_relay_is_killed_with_its_container() {
    let project = SandboxProject::new(SandboxBackend::Docker).await;
    let mark = format!("sleep 78{}", std::process::id());
    let inner =
        ProgramSpec::new("/bin/sh", ["-c", &format!("{mark}; true")]).env("PATH", "/usr/bin:/bin");
    let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
    let child = project.start(&spec, inner).await.unwrap();
    wait_until("the program runs", || processes_with(&mark).len() >= 2).await;
    let (pid, start) = (
        child.pid(),
        eklavya_core::process::read_start_time(child.pid()).unwrap(),
    );
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGSTOP).unwrap();
    assert!(kill_orphan(pid, start).await);
    assert_eq!(processes_with(&mark), [0; 0]);
}

/// The relay is killed at several moments of its start and of its work.
#[tokio::test]
async fn a_killed_relay_leaves_no_process() {
    let project = SandboxProject::new(SandboxBackend::Docker).await;
    for moment in [0, 50, 150, 300, 450] {
        let mark = format!("sleep 79{moment}{}", std::process::id());
        let line = format!("(setsid sh -c '{mark} &' &); {mark}");
        let inner = ProgramSpec::new("/bin/sh", ["-c", &line]).env("PATH", "/usr/bin:/bin");
        let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
        let child = project.start(&spec, inner).await.unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        kill(
            Pid::from_raw(child.pid().try_into().unwrap()),
            Signal::SIGKILL,
        )
        .unwrap();
        drop(child);
        tokio::time::sleep(Duration::from_millis(700)).await;
        wait_until("all processes are gone", || {
            processes_with(&mark).is_empty()
        })
        .await;
    }
}
