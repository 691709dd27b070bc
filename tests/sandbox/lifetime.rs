//! No process outlives its sandbox, and no sandbox outlives its owner.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use eklavya_core::process;
use eklavya_sandbox::{MountAccess, ProgramSpec, SandboxExit, SandboxProfile, StopSignal};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::{SandboxProject, processes_with, wait_until};

/// Returns a script that starts two daemons in a separate session, and a foreground process.
fn daemon_script(mark: &str) -> String {
    format!("(setsid sh -c '{mark} & {mark} &' &) ; sleep 0.2; {mark}")
}

async fn both_projects(backend: SandboxBackend) -> [SandboxProject; 2] {
    [
        SandboxProject::new(backend).await,
        SandboxProject::unprotected().await,
    ]
}

pub async fn daemons_die_with_the_program(backend: SandboxBackend) {
    for (index, project) in both_projects(backend).await.into_iter().enumerate() {
        let mark = format!("sleep 8{index}21{}", std::process::id());
        // The program ends after its daemon has started.
        let outcome = project
            .run_shell(&format!(
                "(setsid sh -c '{mark} & touch up' >/dev/null 2>&1 &); \
                 until test -e up; do sleep 0.02; done"
            ))
            .await;
        assert_eq!(outcome.exit, SandboxExit::Code(0), "{outcome:?}");
        assert_eq!(processes_with(&mark), [0; 0]);
    }
}

pub async fn kill_tree_and_drop_kill_daemons(backend: SandboxBackend) {
    for (index, project) in both_projects(backend).await.into_iter().enumerate() {
        for method in ["kill", "drop"] {
            let mark = format!("sleep 8{index}3{}{}", method.len(), std::process::id());
            let mark = if method == "drop" {
                format!("{mark}1")
            } else {
                mark
            };
            let inner = ProgramSpec::new("/bin/sh", ["-c", &daemon_script(&mark)])
                .env("PATH", "/usr/bin:/bin");
            let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
            let mut child = project.start(&spec, inner).await.unwrap();
            wait_until("all processes run", || processes_with(&mark).len() >= 3).await;
            if method == "kill" {
                assert_eq!(child.kill_tree().await.unwrap(), SandboxExit::Signal(9));
                assert_eq!(processes_with(&mark), [0; 0]);
                assert_eq!(
                    child.kill_tree().await.unwrap(),
                    SandboxExit::Signal(9),
                    "a second kill returns the same exit"
                );
            } else {
                drop(child);
                wait_until("all processes are gone", || {
                    processes_with(&mark).is_empty()
                })
                .await;
            }
        }
    }
}

/// The owner kills only the process that it started.
pub async fn a_sandbox_killed_at_any_moment_of_its_start_leaves_no_process(
    backend: SandboxBackend,
) {
    for (index, project) in both_projects(backend).await.into_iter().enumerate() {
        let mark = format!("sleep 9{index}41{}", std::process::id());
        let line = daemon_script(&mark);
        for moment in 0..25 {
            let inner = ProgramSpec::new("/bin/sh", ["-c", &line]).env("PATH", "/usr/bin:/bin");
            let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
            let child = project.start(&spec, inner).await.unwrap();
            tokio::time::sleep(Duration::from_millis(moment * 2)).await;
            let pid = Pid::from_raw(child.pid().try_into().unwrap());
            kill(pid, Signal::SIGKILL).unwrap();
            drop(child);
        }
        // The command line of every process in between contains the mark as well.
        wait_until("all processes are gone", || {
            processes_with(&mark).is_empty()
        })
        .await;
    }
}

/// `a_killed_owner_leaves_no_process` runs this as a separate process, which starts a sandbox and
/// waits to be killed.
pub async fn owner_of_a_sandbox(backend: SandboxBackend) {
    own_project(SandboxProject::new(backend).await).await;
}

pub async fn owner_without_a_sandbox(_: SandboxBackend) {
    own_project(SandboxProject::unprotected().await).await;
}

async fn own_project(project: SandboxProject) {
    let mark = format!("sleep 99{}", std::process::id());
    project.run_shell(&daemon_script(&mark)).await;
}

pub async fn a_killed_owner_leaves_no_process(backend: SandboxBackend) {
    for owner in ["owner_of_a_sandbox", "owner_without_a_sandbox"] {
        let owner = format!("{backend}::lifetime::{owner}");
        let mut command = process::new_command(std::env::current_exe().unwrap());
        command
            .args([&owner, "--exact", "--ignored", "--nocapture"])
            .envs(std::env::vars_os())
            .stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mark = format!("sleep 99{}", child.id().unwrap());
        wait_until("the daemons run", || processes_with(&mark).len() >= 3).await;
        child.kill().await.unwrap();
        wait_until(&format!("no process of {owner} is left"), || {
            processes_with(&mark).is_empty()
        })
        .await;
    }
}

/// The kernel kills a sandbox when the *thread* that started it ends, and a runtime ends the
/// threads for blocking work when they have been idle for a while.
pub async fn a_sandbox_outlives_the_thread_that_requested_it(backend: SandboxBackend) {
    let work = std::thread::spawn(move || outlive_thread(backend));
    tokio::task::spawn_blocking(|| work.join().unwrap())
        .await
        .unwrap();
}

fn outlive_thread(backend: SandboxBackend) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_millis(20))
        .build()
        .unwrap();
    runtime.block_on(async {
        let project = Arc::new(SandboxProject::new(backend).await);
        let mark = |method: u32| format!("sleep 66{method}{}", std::process::id());
        let inner =
            |method| ProgramSpec::new("/bin/sh", ["-c", &format!("{}; true", mark(method))]);
        let spec = project.spec(SandboxProfile::Command(MountAccess::Write));

        let (asking, handle) = (Arc::clone(&project), runtime.handle().clone());
        let (asked, what) = (spec.clone(), inner(1).env("PATH", "/usr/bin:/bin"));
        let ask = move || handle.block_on(asking.start(&asked, what)).unwrap();
        let mut child = tokio::task::spawn_blocking(ask).await.unwrap();

        let what = inner(2).env("PATH", "/usr/bin:/bin");
        let mut naive = project.sandbox.command(&spec, what).unwrap();
        naive.stdout(Stdio::null()).stderr(Stdio::null());
        let ask = move || naive.spawn().unwrap();
        let _naive = tokio::task::spawn_blocking(ask).await.unwrap();

        wait_until("the sandbox that was spawned directly is gone", || {
            processes_with(&mark(2)).is_empty()
        })
        .await;
        wait_until("the sandbox of `Sandbox::spawn` runs", || {
            !processes_with(&mark(1)).is_empty()
        })
        .await;
        assert_eq!(child.try_wait().await.unwrap(), None);
        child.kill_tree().await.unwrap();
    });
}

pub async fn interrupt_and_terminate_reach_the_program(backend: SandboxBackend) {
    for project in both_projects(backend).await {
        for (how, signal) in [
            (StopSignal::Interrupt, "INT"),
            (StopSignal::Terminate, "TERM"),
        ] {
            let line = format!(
                "trap 'echo got {signal}; exit 5' {signal}; echo ready > ready; while :; do sleep 0.05; done"
            );
            let _ = std::fs::remove_file(project.path("ready"));
            let inner = ProgramSpec::new("/bin/sh", ["-c", &line]).env("PATH", "/usr/bin:/bin");
            let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
            let mut child = project.start(&spec, inner).await.unwrap();
            wait_until("the trap is set", || project.path("ready").exists()).await;
            child.terminate(how);
            let output = crate::fixtures::sandbox_project::read_output(&mut child).await;
            assert_eq!(
                (child.wait().await.unwrap(), output),
                (SandboxExit::Code(5), format!("got {signal}\n"))
            );
        }
    }
}
