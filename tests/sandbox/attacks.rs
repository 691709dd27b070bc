//! Attempts to escape. Some tests also show that the same attempt works without the protection.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};

use eklavya_core::agent::role::Role;
use eklavya_core::process;
use eklavya_sandbox::{
    MountAccess, ProgramSpec, SandboxError, SandboxProfile, chown_tree, is_root,
};

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::{SandboxProject, agent_user};

/// The agent replaces its directory by a link. The next sandbox must not mount the target of the
/// link.
#[tokio::test]
async fn a_link_in_place_of_the_directory_of_a_role_is_refused() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let victim = project.dir.path().join("victim");
    fs::create_dir(&victim).unwrap();
    if let Some(user) = project.user {
        chown_tree(&victim, user).unwrap();
    }
    fs::remove_dir_all(project.path("docs")).unwrap();
    symlink(&victim, project.path("docs")).unwrap();

    let result = project
        .start(
            &project.probe_spec(Role::Architect, &[]),
            ProgramSpec::new("x", [""; 0]),
        )
        .await;
    assert!(
        matches!(result, Err(SandboxError::Link { .. })),
        "{result:?}"
    );

    // bubblewrap itself follows the link.
    let mut naive = process::new_command("bwrap");
    naive.args(["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin"]);
    naive.args([
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
    ]);
    naive.arg("--bind").arg(project.path("docs")).arg("/docs");
    naive
        .args(["/bin/sh", "-c", "echo x > /docs/written"])
        .env("PATH", "/usr/bin:/bin");
    assert!(naive.status().await.unwrap().success());
    assert!(victim.join("written").exists());
}

#[tokio::test]
async fn a_link_in_place_of_git_is_refused() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    fs::rename(project.path(".git"), project.path("elsewhere")).unwrap();
    symlink("elsewhere", project.path(".git")).unwrap();
    for role in [Role::Developer, Role::Architect, Role::Uat] {
        let result = project
            .start(
                &project.probe_spec(role, &[]),
                ProgramSpec::new("x", [""; 0]),
            )
            .await;
        assert!(
            matches!(result, Err(SandboxError::Link { .. })),
            "{role}: {result:?}"
        );
    }
}

#[tokio::test]
async fn links_do_not_bypass_the_rules_of_the_role() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let spec = project.probe_spec(Role::Architect, &["/bin/ln", "/bin/mv"]);
    for (attack, sign) in [
        ("/usr/bin/ln src/a docs/hard", "Invalid cross-device link"),
        (
            "/usr/bin/ln -s ../src docs/soft && echo x > docs/soft/b",
            "Read-only file system",
        ),
        ("/usr/bin/mv src docs/src", "Read-only file system"),
        ("/usr/bin/mv docs d", ""),
        ("/usr/bin/mv .git g", ""),
    ] {
        let (done, output) = project.probe(&spec, attack).await;
        assert!(!done && output.contains(sign), "{attack}: {output}");
    }
    assert_eq!(fs::read_dir(project.path("src")).unwrap().count(), 1);
}

#[tokio::test]
async fn other_files_of_the_host_are_invisible() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let other = project.dir.path().join("other-project");
    fs::create_dir(&other).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(other.join("secret"), "secret").unwrap();
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    for target in [
        other.to_str().unwrap(),
        "/etc/shadow",
        "/root",
        "/var/lib",
        "/sys",
        "/run",
        "/boot",
        "/mnt",
    ] {
        let looked = project.run(&spec, &format!("ls {target}")).await;
        assert!(
            looked.output.contains("No such file"),
            "{target}: {looked:?}"
        );
    }
    let around = project
        .run(&spec, &format!("ls {}", project.dir.path().display()))
        .await;
    assert_eq!(around.output, "work\n");
}

#[tokio::test]
async fn kernel_settings_and_the_root_are_read_only() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    for target in ["/x", "/dev/x", "/etc/x", "/opt/x", "/usr/x"] {
        let tried = project.run(&spec, &format!(": >> {target}")).await;
        assert!(
            tried.output.contains("Read-only file system"),
            "{target}: {tried:?}"
        );
    }
    // The mounts of these files refuse even their owner.
    for (target, mounted) in [
        ("/proc/sys/kernel/core_pattern", " /proc/sys "),
        ("/opt/eklavya/eklavya", " /opt/eklavya/eklavya "),
    ] {
        let line = format!("true >> {target} || grep '{mounted}' /proc/mounts");
        let tried = project.run(&spec, &line).await;
        assert!(
            tried.output.contains("cannot create"),
            "{target}: {tried:?}"
        );
        assert!(tried.output.contains(" ro,"), "{target}: {tried:?}");
    }
}

#[tokio::test]
async fn the_memory_of_temporary_files_is_limited() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let mut spec = project.spec(SandboxProfile::Agent(Role::Developer));
    spec.tmp_bytes = 1024 * 1024;
    for target in ["/tmp/x", "/dev/shm/x", "$TMPDIR/x"] {
        let tried = project
            .run(&spec, &format!("head -c 2M /dev/zero > {target}"))
            .await;
        assert!(
            tried.output.contains("No space left"),
            "{target}: {tried:?}"
        );
    }
    assert_eq!(
        fs::read_dir(&project.dirs.tmp).unwrap().count(),
        0,
        "temporary files are only in memory"
    );
}

#[tokio::test]
async fn a_process_has_no_privileges_and_creates_no_namespaces() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    let status = project
        .run(
            &spec,
            "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status",
        )
        .await;
    for line in status.output.lines() {
        let expected = if line.starts_with("NoNewPrivs") {
            "1"
        } else {
            "0000000000000000"
        };
        assert!(line.ends_with(expected), "{line}");
    }
    assert_eq!(status.output.lines().count(), 6, "{status:?}");
    let tried = project.run(&spec, "unshare -r true").await;
    assert!(!tried.exit.is_success(), "{tried:?}");
    let id = project.run(&spec, "id -u; id -G").await;
    if let Some(user) = agent_user() {
        assert_eq!(id.output, format!("{}\n{}\n", user.uid, user.gid));
    }
}

#[tokio::test]
async fn the_ports_of_the_host_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let knock = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    for profile in [
        SandboxProfile::Agent(Role::Developer),
        SandboxProfile::Command(MountAccess::Write),
    ] {
        let tried = project.run(&project.spec(profile), &knock).await;
        assert!(tried.output.contains("Connection refused"), "{tried:?}");
        let names = project
            .run(&project.spec(profile), "cat /proc/net/dev")
            .await;
        assert_eq!(
            names.output.matches(':').count(),
            1,
            "only lo exists: {names:?}"
        );
    }
    let open = SandboxProject::unprotected().await;
    assert!(open.run_shell(&knock).await.exit.is_success());
}

#[tokio::test]
async fn no_file_descriptor_is_inherited() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    // The worst case: a descriptor of the root of the host that every child inherits.
    let leak = rustix::fs::open(
        "/",
        rustix::fs::OFlags::DIRECTORY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let mut spec = project.spec(SandboxProfile::Agent(Role::Developer));
    spec.door = Some(project.dirs.door.clone());
    let seen = project
        .run(&spec, "echo /proc/self/fd/*; ls -l /proc/1/fd /proc/2/fd")
        .await;
    let (own, others) = seen.output.split_once('\n').unwrap();
    // 3 is the descriptor with which the shell reads the directory.
    for word in own.split_whitespace() {
        let fd: u32 = word.rsplit('/').next().unwrap().parse().unwrap();
        assert!(fd <= 3, "{own}");
    }
    for line in others.lines().filter(|line| line.contains("->")) {
        let target = line.split("-> ").last().unwrap();
        let harmless = ["/dev/null", "pipe:", "socket:", "anon_inode:"];
        assert!(
            harmless.iter().any(|start| target.starts_with(start)),
            "{line}"
        );
    }
}

#[tokio::test]
async fn root_refuses_to_run_agents_as_root() {
    if !is_root() {
        return;
    }
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let mut spec = project.spec(SandboxProfile::Agent(Role::Developer));
    spec.user = None;
    let result = project
        .start(&spec, ProgramSpec::new("/bin/sh", [""; 0]))
        .await;
    assert!(
        matches!(result, Err(SandboxError::RootWithoutUser)),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_path_with_dots_and_a_variable_with_options_are_refused() {
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let mut spec = project.spec(SandboxProfile::Agent(Role::Developer));
    spec.home = project.dir.path().join("work/../..");
    let result = project.start(&spec, ProgramSpec::new("x", [""; 0])).await;
    assert!(
        matches!(result, Err(SandboxError::NotAbsolute { .. })),
        "{result:?}"
    );
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    let inner = ProgramSpec::new("/bin/true", [""; 0]).env("X", "1\0--bind\0/\0/host");
    let result = project.start(&spec, inner).await;
    assert!(
        matches!(result, Err(SandboxError::Prepare { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_clone_with_hard_links_to_other_files_is_refused() {
    let Some(user) = agent_user() else { return };
    let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
    let outside = project.dir.path().join("object");
    fs::write(&outside, "shared").unwrap();
    fs::hard_link(&outside, project.path("src/object")).unwrap();
    let result = chown_tree(&project.dirs.clone, user);
    assert!(
        matches!(result, Err(SandboxError::HardLinked { .. })),
        "{result:?}"
    );
}
