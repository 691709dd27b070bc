//! The real Claude Code CLI inside.

use std::fs;
use std::path::Path;

use eklavya_core::domain::role::Role;
use eklavya_sandbox::policy::policy;
use eklavya_sandbox::{Inner, Profile, Spec};
use serde_json::json;

use crate::claude::claude;
use crate::model::{listen, session};
use crate::support::Project;

/// The sandbox of an agent of `role`, with its door.
pub fn agent(project: &Project, role: Role, claude: &Path) -> Spec {
    let mut spec = project.spec(Profile::Agent(role));
    spec.tool_binaries.push(claude.to_owned());
    spec.door = Some(project.dirs.door.clone());
    spec
}

#[tokio::test]
async fn the_cli_starts_with_and_without_a_shell() {
    let claude = claude();
    let project = Project::new().await;
    for role in [Role::Architect, Role::Developer] {
        let spec = agent(&project, role, &claude);
        let (exit, said) = project
            .inner(&spec, Inner::new(&claude, ["--version"]))
            .await
            .unwrap();
        assert!(
            exit.is_success() && said.contains("Claude Code"),
            "{role}: {said}"
        );
    }
}

#[tokio::test]
async fn the_cli_works_through_the_door_and_searches_without_a_shell() {
    let claude = claude();
    let project = Project::new().await;
    fs::write(project.path("src/hay"), "a needle in here\n").unwrap();
    project.own();
    let search = json!({ "pattern": "needle", "output_mode": "content" });
    let _model = listen(&project, vec![("Grep", search)]);
    let tools = policy(Role::Architect).tools().join(",");
    let flags = ["--restricted", "--permission-mode", "dontAsk"];
    let inner = session(&project, &claude, &tools, &flags);
    let spec = agent(&project, Role::Architect, &claude);
    let (exit, said) = project.inner(&spec, inner).await.unwrap();
    assert!(exit.is_success(), "{said}");
    assert!(
        said.contains("a needle in here") && said.contains(r#""result":"done""#),
        "{said}"
    );
    // The conversation is kept for the next run.
    assert!(project.dirs.home.join(".claude/projects").is_dir());
}
