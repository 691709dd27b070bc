//! Commands that run until they end.

use std::time::Duration;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::{
    MountAccess, ProgramSpec, RunLimits, SandboxError, SandboxExit, SandboxProfile, run_command,
};

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::{LIMITS, PATH, SandboxProject, processes_with};

/// The longest time that a command gets to start.
const LONGEST: Duration = Duration::from_secs(30);

async fn both_projects(backend: SandboxBackend) -> [SandboxProject; 2] {
    [
        SandboxProject::new(backend).await,
        SandboxProject::unprotected().await,
    ]
}

pub async fn an_outcome_has_the_exit_and_the_output(backend: SandboxBackend) {
    for project in both_projects(backend).await {
        for (line, exit, output) in [
            (
                "echo a; echo b >&2; echo c",
                SandboxExit::Code(0),
                "a\nb\nc\n",
            ),
            ("exit 7", SandboxExit::Code(7), ""),
            ("kill -KILL $$", SandboxExit::Signal(9), ""),
            (
                "echo $PWD",
                SandboxExit::Code(0),
                &format!("{}\n", project.dirs.clone.display()),
            ),
            (
                "echo $HOME",
                SandboxExit::Code(0),
                &format!("{}\n", project.dirs.home.display()),
            ),
            (
                "echo $TMPDIR",
                SandboxExit::Code(0),
                &format!("{}\n", project.dirs.tmp.display()),
            ),
            (
                "echo x > $TMPDIR/x && echo x > new && cat < /dev/null",
                SandboxExit::Code(0),
                "",
            ),
            // stdin is empty.
            ("read answer", SandboxExit::Code(1), ""),
        ] {
            let outcome = project.run_shell(line).await;
            assert_eq!(
                (outcome.exit, outcome.output.as_str()),
                (exit, output),
                "{line}"
            );
        }
    }
}

pub async fn the_environment_has_only_the_given_variables(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    // The environment that the shell got: shells add variables to the environment of their
    // commands.
    let names = "tr '\\0' '\\n' < /proc/$$/environ | cut -d= -f1 | sort | tr '\\n' ' '";
    let outcome = project.run_shell(names).await;
    assert_eq!(outcome.output, "HOME PATH PWD TMPDIR ");
}

pub async fn a_read_only_tree_cannot_be_changed(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let spec = project.spec(SandboxProfile::Command(MountAccess::Read));
    let outcome = project.run(&spec, "echo x > new").await;
    assert!(outcome.output.contains("Read-only"), "{outcome:?}");
}

pub async fn long_output_keeps_its_beginning_and_end(backend: SandboxBackend) {
    for project in both_projects(backend).await {
        let limits = RunLimits {
            output_bytes: 2000,
            ..LIMITS
        };
        let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
        let line = "echo first; seq 100000; echo last";
        let outcome = run_command(&project.sandbox, &spec, line, PATH, limits)
            .await
            .unwrap();
        assert!(
            outcome.truncated && outcome.output.len() < 2100,
            "{}",
            outcome.output.len()
        );
        assert!(
            outcome.output.starts_with("first\n1\n") && outcome.output.ends_with("100000\nlast\n")
        );
    }
}

pub async fn a_timed_out_command_is_killed_with_all_its_processes(backend: SandboxBackend) {
    for (index, project) in both_projects(backend).await.into_iter().enumerate() {
        let mark = format!("sleep 7{index}11{}", std::process::id());
        let spec = project.spec(SandboxProfile::Command(MountAccess::Write));
        let line = format!(
            "(setsid sh -c '{mark} & {mark}' &) ; trap '' TERM INT HUP; echo begun; {mark}"
        );
        // On a busy machine the command may time out before it has started.
        let mut timeout = Duration::from_millis(700);
        loop {
            let limits = RunLimits { timeout, ..LIMITS };
            let outcome = run_command(&project.sandbox, &spec, &line, PATH, limits)
                .await
                .unwrap();
            assert_eq!(outcome.exit, SandboxExit::TimedOut);
            assert_eq!(processes_with(&mark), [0; 0]);
            if timeout > LONGEST || !outcome.output.is_empty() {
                assert_eq!(outcome.output, "begun\n");
                break;
            }
            timeout *= 3;
        }
    }
}

pub async fn a_failed_setup_of_the_sandbox_is_an_error(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let mut spec = project.spec(SandboxProfile::Command(MountAccess::Write));
    let mut inner = ProgramSpec::new("/bin/true", [""; 0]);
    inner.cwd = Some("/nowhere".into());
    let result = project.run_program(&spec, inner).await;
    assert!(
        matches!(result, Err(SandboxError::Setup { .. })),
        "{result:?}"
    );
    spec.home = project.dir.path().join("missing");
    let result = run_command(&project.sandbox, &spec, "true", PATH, LIMITS).await;
    let text = result.unwrap_err().to_string();
    assert!(
        text.contains("missing") && text.contains("No such file"),
        "{text}"
    );
}

pub async fn a_missing_program_is_reported(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    let (exit, said) = project
        .run_program(&spec, ProgramSpec::new("/bin/nonesuch", [""; 0]))
        .await
        .unwrap();
    assert_eq!(exit, SandboxExit::Code(126));
    assert!(said.contains("cannot start /bin/nonesuch"), "{said}");
}

/// The command writes a file, or an unlinked file, whose size is not part of the size of any
/// directory.
pub async fn a_command_that_exceeds_the_disk_quota_is_killed(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let mut spec = project.spec(SandboxProfile::Command(MountAccess::Write));
    spec.disk_bytes = 4 << 20;
    for file in ["$HOME/x", "x"] {
        // The sandbox may kill the command right after the write, or much later.
        let line = format!("echo begun; head -c 8M /dev/zero > {file}; sleep 1000");
        let outcome = project.run(&spec, &line).await;
        assert_eq!(
            (outcome.exit, outcome.output.as_str()),
            (SandboxExit::DiskQuotaExceeded, "begun\n")
        );
        project.run_shell("rm -f x $HOME/x").await;
    }
    let line = "exec 3> x; rm x; echo begun; head -c 8M /dev/zero >&3; sleep 1000";
    let outcome = project.run(&spec, line).await;
    assert_eq!(
        (outcome.exit, outcome.output.as_str()),
        (SandboxExit::DiskQuotaExceeded, "begun\n")
    );
    // Files in memory do not count: the size of their file system limits them.
    let outcome = project
        .run(&spec, "head -c 8M /dev/zero > /tmp/x; sleep 4")
        .await;
    assert_eq!(outcome.exit, SandboxExit::Code(0));
}
