//! The engine mounts by path, as root: an agent must not make it mount another directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::{ProgramSpec, ProtectionLayer, SandboxError, chown_tree};
use tokio::io::AsyncReadExt;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::SandboxProject;

/// Creates a directory outside the project that the agent's user could write if it were mounted.
fn foreign_directory(project: &SandboxProject) -> PathBuf {
    let victim = project.dir.path().join("victim");
    fs::create_dir(&victim).unwrap();
    chown_tree(&victim, project.user.unwrap()).unwrap();
    victim
}

/// Replaces `docs` by a link after the sandbox was prepared and before the engine mounts it.
/// Returns whether the target of the link was written, and the output.
async fn swap_directory(project: &SandboxProject, without: &[ProtectionLayer]) -> (bool, String) {
    let victim = foreign_directory(project);
    let mut spec = project.probe_spec(Role::Architect, &[]);
    spec.disabled_layers = without.to_vec();
    let dash = PathBuf::from("/bin/dash").canonicalize().unwrap();
    let write = format!("echo x > {}/written", project.path("docs").display());
    let inner = ProgramSpec::new(dash, ["-c", &write]);
    let mut command = project.sandbox.command(&spec, inner).unwrap();
    fs::remove_dir_all(project.path("docs")).unwrap();
    symlink(&victim, project.path("docs")).unwrap();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut text).await.unwrap();
    child.wait().await.unwrap();
    (victim.join("written").exists(), text)
}

#[tokio::test]
async fn a_link_created_after_the_checks_is_detected_inside_the_container() {
    let (written, text) =
        swap_directory(&SandboxProject::new(SandboxBackend::Docker).await, &[]).await;
    assert!(!written, "{text}");
    assert!(text.contains("docs"), "{text}");
}

#[tokio::test]
async fn without_the_inode_check_a_late_link_leads_to_a_foreign_directory() {
    // Landlock would refuse a link as well.
    let (written, text) = swap_directory(
        &SandboxProject::new(SandboxBackend::Docker).await,
        &[ProtectionLayer::Inodes, ProtectionLayer::Landlock],
    )
    .await;
    assert!(written, "{text}");
}

#[tokio::test]
async fn a_link_created_before_the_checks_is_refused_on_the_host() {
    let project = SandboxProject::new(SandboxBackend::Docker).await;
    let victim = foreign_directory(&project);
    fs::remove_dir_all(project.path("docs")).unwrap();
    symlink(&victim, project.path("docs")).unwrap();
    fs::rename(project.path(".git"), project.path("elsewhere")).unwrap();
    symlink("elsewhere", project.path(".git")).unwrap();
    for role in [Role::Architect, Role::Developer, Role::Uat] {
        let inner = ProgramSpec::new("x", [""; 0]);
        let result = project.start(&project.probe_spec(role, &[]), inner).await;
        let refused = matches!(result, Err(SandboxError::Link { .. }));
        assert!(refused, "{role}: {result:?}");
    }
}

#[tokio::test]
async fn a_replaced_directory_is_detected_inside_the_container() {
    let project = SandboxProject::new(SandboxBackend::Docker).await;
    let spec = project.probe_spec(Role::Architect, &[]);
    let dash = PathBuf::from("/bin/dash").canonicalize().unwrap();
    let inner = ProgramSpec::new(dash, ["-c", "echo ran"]);
    let mut command = project.sandbox.command(&spec, inner).unwrap();
    // The whole clone is replaced, including the directories in it.
    fs::rename(&project.dirs.clone, project.dir.path().join("before")).unwrap();
    for name in ["", "docs", ".git"] {
        fs::create_dir(project.path(name)).unwrap();
    }
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = output.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(text.contains("that was checked outside"), "{text}");
}
