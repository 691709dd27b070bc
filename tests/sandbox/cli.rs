//! The real Claude Code CLI inside a sandbox.

use std::fs;
use std::path::Path;

use eklavya_core::agent::role::Role;
use eklavya_sandbox::role_policy::role_policy;
use eklavya_sandbox::{ProgramSpec, SandboxProfile, SandboxSpec};
use eklavya_testkit::program::claude_program;
use serde_json::json;

use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::model::{cli_session, serve_model};
use crate::fixtures::sandbox_project::SandboxProject;

/// Returns the sandbox of an agent of `role`, with its door.
pub fn agent_spec(project: &SandboxProject, role: Role, claude: &Path) -> SandboxSpec {
    let mut spec = project.spec(SandboxProfile::Agent(role));
    spec.tool_binaries.push(claude.to_owned());
    spec.door = Some(project.dirs.door.clone());
    spec
}

pub async fn the_cli_starts_with_and_without_a_shell(backend: SandboxBackend) {
    let claude = claude_program();
    let project = SandboxProject::new(backend).await;
    for role in [Role::Architect, Role::Developer] {
        let spec = agent_spec(&project, role, &claude);
        let (exit, output) = project
            .run_program(&spec, ProgramSpec::new(&claude, ["--version"]))
            .await
            .unwrap();
        assert!(
            exit.is_success() && output.contains("Claude Code"),
            "{role}: {output}"
        );
    }
}

pub async fn the_cli_works_through_the_door_and_searches_without_a_shell(backend: SandboxBackend) {
    let claude = claude_program();
    let project = SandboxProject::new(backend).await;
    fs::write(project.path("src/hay"), "a needle in here\n").unwrap();
    project.chown_to_agent();
    let search = json!({ "pattern": "needle", "output_mode": "content" });
    let _model = serve_model(&project, vec![("Grep", search)]);
    let tools = role_policy(Role::Architect).tools().join(",");
    let flags = ["--restricted", "--permission-mode", "dontAsk"];
    let inner = cli_session(&project, &claude, &tools, &flags);
    let spec = agent_spec(&project, Role::Architect, &claude);
    let (exit, output) = project.run_program(&spec, inner).await.unwrap();
    assert!(exit.is_success(), "{output}");
    assert!(
        output.contains("a needle in here") && output.contains(r#""result":"done""#),
        "{output}"
    );
    // The conversation is kept for the next run.
    assert!(project.dirs.home.join(".claude/projects").is_dir());
}
