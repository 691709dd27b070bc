//! The instructions of an agent's role, and the prompt that resumes its conversation.

use crate::context::error::EngineError;
use eklavya_claude::prompt::{
    self, PermissionCell, PromptError, ResumePrompt, RoleContext, TaskPrompt,
};
use eklavya_core::agent::role::Role;
use eklavya_core::project::Project;
use eklavya_gateway::EgressPolicy;
use eklavya_sandbox::role_policy::role_policy;

/// `workspace` is the path of the clone as the agent sees it.
pub(crate) fn render_role_instructions(
    project: &Project,
    role: Role,
    workspace: &str,
    egress: &EgressPolicy,
) -> Result<String, EngineError> {
    let context = RoleContext {
        project: project.name.clone(),
        client: project.client.clone(),
        workspace: workspace.to_owned(),
        permissions: list_permissions(role, egress),
    };
    prompt::render_role_instructions(role, &context).map_err(prompt_error)
}

fn list_permissions(role: Role, egress: &EgressPolicy) -> Vec<PermissionCell> {
    let row = role_policy(role).to_row();
    let permissions = [
        ("File system", row.file_system.clone()),
        ("Git", row.git.to_owned()),
        ("Terminal", row.terminal.to_owned()),
        ("Browser", row.browser.to_owned()),
        ("Spawn agents", row.spawn_agents.to_owned()),
        ("Network", describe_network(role, row.network, egress)),
    ];
    let cells = permissions.map(|(subject, allowed)| PermissionCell {
        subject: subject.to_owned(),
        allowed,
    });
    cells.into()
}

/// Returns the agent's network class with its hosts, and how the agent reaches them.
fn describe_network(role: Role, class: &str, egress: &EgressPolicy) -> String {
    let means = if role_policy(role).has_shell() {
        "through the proxy in HTTPS_PROXY"
    } else {
        "with the tool `fetch`"
    };
    match egress {
        EgressPolicy::Hosts { list, .. } => format!("{class}, {means}: {list}"),
        EgressPolicy::Public => format!("{class}, {means}"),
        EgressPolicy::ModelOnly | EgressPolicy::Previews(_) => class.to_owned(),
    }
}

/// Returns the prompt for an agent that resumes an interrupted conversation.
pub(crate) fn render_resume_prompt(reason: &str) -> Result<String, EngineError> {
    TaskPrompt::Resume(ResumePrompt {
        reason: reason.to_owned(),
    })
    .render()
    .map_err(prompt_error)
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
pub(crate) fn prompt_error(error: PromptError) -> EngineError {
    EngineError::Failed(error.to_string())
}
