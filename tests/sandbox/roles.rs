//! Every role can do what its row of the table allows, and no more.

use std::fs;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::role_policy::{FileAccess, GitAccess, role_policy};
use eklavya_sandbox::{ProgramSpec, SandboxError, SandboxProfile};

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::SandboxProject;

pub async fn each_role_writes_only_where_its_row_allows(backend: SandboxBackend) {
    for role in Role::ALL {
        let project = SandboxProject::new(backend).await;
        let row = role_policy(role);
        let spec = project.probe_spec(role, &[]);
        for target in ["src/new", "docs/new", "tests/new", "new", ".git/new"] {
            let allowed = match (target, row.files) {
                (".git/new", _) => row.git == GitAccess::Full,
                (_, FileAccess::Full) => true,
                (_, FileAccess::Write(prefixes)) => prefixes
                    .iter()
                    .any(|prefix| target.starts_with(&format!("{prefix}/"))),
                (_, FileAccess::Read) => false,
            };
            let (done, output) = project.probe(&spec, &format!("echo x > {target}")).await;
            assert_eq!(done, allowed, "{role} {target}: {output}");
            assert_eq!(project.path(target).exists(), allowed, "{role} {target}");
            assert!(
                allowed || output.contains("Read-only file system"),
                "{role} {target}: {output}"
            );
        }
    }
}

pub async fn each_role_reads_the_clone_and_the_history_as_its_row_allows(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    for role in Role::ALL {
        let spec = project.probe_spec(role, &["/bin/cat"]);
        let cat = std::path::Path::new("/bin/cat").canonicalize().unwrap();
        let (done, output) = project
            .probe(&spec, &format!("{} src/a", cat.display()))
            .await;
        assert_eq!((done, output.as_str()), (true, "src"), "{role}");
        let (done, output) = project.probe(&spec, "git log --format=%s").await;
        if role_policy(role).git == GitAccess::No {
            assert!(!done && !output.contains("first"), "{role}: {output}");
            let (_, output) = project.probe(&spec, "echo .git/*").await;
            assert_eq!(
                output, ".git/*\n",
                "{role}: the history is hidden, not just unreadable"
            );
        } else {
            assert_eq!((done, output.as_str()), (true, "first\n"), "{role}");
        }
    }
}

pub async fn a_role_without_a_terminal_has_no_shell_and_only_its_own_programs(
    backend: SandboxBackend,
) {
    let project = SandboxProject::new(backend).await;
    for role in Role::ALL {
        let row = role_policy(role);
        let spec = project.spec(SandboxProfile::Agent(role));
        for shell in ["/bin/sh", "/usr/bin/bash", "/bin/dash"] {
            let (exit, output) = project
                .run_program(&spec, ProgramSpec::new(shell, ["-c", ":"]))
                .await
                .unwrap();
            assert_eq!(
                exit.is_success(),
                row.has_shell(),
                "{role} {shell}: {output}"
            );
        }
        if !row.has_shell() {
            let probing = project.probe_spec(role, &[]);
            let (_, output) = project
                .probe(&probing, "echo /bin/* /usr/bin/* /sbin/* /usr/*")
                .await;
            let dash = std::path::Path::new("/bin/dash").canonicalize().unwrap();
            let mut programs = vec![dash.to_str().unwrap(), "/usr/bin/git"];
            programs.retain(|program| *program != "/usr/bin/git" || row.git != GitAccess::No);
            for word in output.split_whitespace() {
                let known =
                    word.ends_with('*') || word == "/usr/bin" || word.starts_with("/usr/lib");
                assert!(known || programs.contains(&word), "{role}: {output}");
            }
        }
    }
}

pub fn loader_path() -> &'static str {
    ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .unwrap()
}

/// The dynamic loader runs any file that it can read, executable or not.
pub async fn the_dynamic_loader_cannot_run_a_shell(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let spec = project.spec(SandboxProfile::Agent(Role::Architect));
    for shell in ["/usr/bin/bash", "/usr/bin/dash", "/bin/sh"] {
        let loader = ProgramSpec::new(loader_path(), [shell, "-c", "echo ran"]);
        let (exit, output) = project.run_program(&spec, loader).await.unwrap();
        assert!(
            !exit.is_success() && !output.contains("ran"),
            "{shell}: {output}"
        );
    }
    // The same attempt works in the sandbox of a developer, which has all of /usr.
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    let loader = ProgramSpec::new(loader_path(), ["/usr/bin/bash", "-c", "echo ran"]);
    assert!(
        project
            .run_program(&spec, loader)
            .await
            .unwrap()
            .1
            .contains("ran")
    );
}

pub async fn a_missing_directory_of_the_role_is_created(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    fs::remove_dir_all(project.path("docs")).unwrap();
    let (done, output) = project
        .probe(&project.probe_spec(Role::Pm, &[]), "echo x > docs/b")
        .await;
    assert!(done, "{output}");
    assert!(project.path("docs/b").exists());
}

pub async fn a_file_in_place_of_the_directory_of_a_role_is_refused(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    fs::remove_dir_all(project.path("docs")).unwrap();
    fs::write(project.path("docs"), "").unwrap();
    let result = project
        .start(
            &project.probe_spec(Role::Pm, &[]),
            ProgramSpec::new("x", [""; 0]),
        )
        .await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, SandboxError::NotADirectory { path } if path.ends_with("docs")),
        "{error}"
    );
}

pub async fn a_developer_commits_but_cannot_make_git_run_programs(backend: SandboxBackend) {
    let project = SandboxProject::new(backend).await;
    let spec = project.spec(SandboxProfile::Agent(Role::Developer));
    let commit = "echo b > b && git add b && \
        git -c user.name=n -c user.email=e commit -qm second && \
        git checkout -qb other && git checkout -q - && git log --oneline | wc -l";
    let done = project.run(&spec, commit).await;
    assert_eq!(
        (done.exit.is_success(), done.output.trim()),
        (true, "2"),
        "{done:?}"
    );
    for attack in [
        "git config core.fsmonitor /tmp/x",
        "echo x >> .git/config",
        "rm -f .git/config",
        "mv .git/config .git/c",
        "echo x > .git/hooks/post-commit",
        "mv .git/hooks .git/h",
        "rm -rf .git/hooks",
        "mv .git .git2",
        "rmdir .git/hooks",
    ] {
        let done = project.run(&spec, attack).await;
        assert!(!done.exit.is_success(), "{attack}: {done:?}");
    }
    let config = fs::read_to_string(project.path(".git/config")).unwrap();
    assert!(!config.contains("fsmonitor"), "{config}");
}
