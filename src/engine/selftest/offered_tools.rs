//! The columns of the matrix that depend on the tools that the orchestrator offers to a role.

use std::path::Path;
use std::time::Duration;

use crate::tools::SPAWN_AGENT;
use eklavya_core::agent::role::Role;
use eklavya_sandbox::role_policy::{BrowserAccess, TerminalAccess, role_policy};
use eklavya_sandbox::selftest::{GuaranteeResult, MatrixCell, MatrixColumn, create_test_dir};
use eklavya_sandbox::{
    MountAccess, RunLimits, Sandbox, SandboxError, SandboxProfile, SandboxSpec, SandboxUser,
    WorkspaceDirs, run_command,
};

/// The CLI's own tools that start agents, by their names in different versions.
const CLI_AGENT_TOOLS: [&str; 2] = ["Task", "Agent"];
/// The output of the brokered command.
const EXPECTED_OUTPUT: &str = "a command ran";
const LIMITS: RunLimits = RunLimits {
    timeout: Duration::from_secs(30),
    output_bytes: 4096,
};

/// Runs a command as the orchestrator does for roles that may not run commands themselves.
pub(crate) async fn probe_brokered_command(
    sandbox: &Sandbox,
    user: SandboxUser,
    place: &Path,
) -> (GuaranteeResult, String) {
    match run_brokered_command(sandbox, user, place).await {
        Ok(output) if output.trim() == EXPECTED_OUTPUT => (
            GuaranteeResult::Yes,
            "run for it in a sandbox of its own".to_owned(),
        ),
        Ok(output) => (
            GuaranteeResult::No,
            format!("a command that is run for it prints {output:?}"),
        ),
        Err(error) => (
            GuaranteeResult::No,
            format!("no command can be run for it: {error}"),
        ),
    }
}

async fn run_brokered_command(
    sandbox: &Sandbox,
    user: SandboxUser,
    place: &Path,
) -> Result<String, SandboxError> {
    let prepare = |source| SandboxError::Prepare { source };
    let directory = create_test_dir(place).map_err(prepare)?;
    let dirs = WorkspaceDirs::below(&directory.path().join("work"));
    dirs.create(sandbox.effective_user(Some(user)))?;
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Write), &dirs);
    spec.user = Some(user);
    let line = format!("echo {EXPECTED_OUTPUT}");
    Ok(run_command(sandbox, &spec, &line, &[], LIMITS)
        .await?
        .output)
}

/// Returns the terminal cell: what the role tried itself, and the command that is run for it.
pub(crate) fn terminal_cell(
    role: Role,
    own: MatrixCell,
    brokered: &(GuaranteeResult, String),
) -> MatrixCell {
    let what = match role_policy(role).terminal {
        TerminalAccess::No | TerminalAccess::Full => return own,
        TerminalAccess::TestCommand => "test command",
        TerminalAccess::Diagnostic => "diagnostics",
    };
    let (state, detail) = brokered;
    if own.state != GuaranteeResult::Yes {
        return own;
    }
    MatrixCell {
        state: *state,
        detail: format!("{what}: {detail}; {}", own.detail),
        ..own
    }
}

pub(crate) fn browser_cell(role: Role, tested: &(GuaranteeResult, String)) -> MatrixCell {
    let (state, detail) = match role_policy(role).browser {
        BrowserAccess::Full => tested.clone(),
        BrowserAccess::No => (GuaranteeResult::Yes, "none is offered to it".to_owned()),
    };
    MatrixCell {
        column: MatrixColumn::Browser,
        state,
        detail,
    }
}

pub(crate) fn spawn_cell(role: Role) -> MatrixCell {
    let offered = role_policy(role).tools();
    let own = CLI_AGENT_TOOLS
        .into_iter()
        .find(|tool| offered.contains(tool));
    let (state, detail) = match (own, role_policy(role).may_spawn_agents()) {
        (Some(tool), _) => (
            GuaranteeResult::No,
            format!("the CLI's own tool {tool} starts agents without a limit"),
        ),
        (None, true) => (
            GuaranteeResult::Yes,
            format!("{SPAWN_AGENT} is offered to it; the CLI's own are not"),
        ),
        (None, false) => (
            GuaranteeResult::Yes,
            format!("neither {SPAWN_AGENT} nor the CLI's own are offered to it"),
        ),
    };
    MatrixCell {
        column: MatrixColumn::SpawnAgents,
        state,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(state: GuaranteeResult) -> MatrixCell {
        MatrixCell {
            column: MatrixColumn::Terminal,
            state,
            detail: "refused: run a shell".to_owned(),
        }
    }

    #[test]
    fn a_failing_brokered_command_fails_the_terminal_cells_of_its_roles() {
        let broken = (
            GuaranteeResult::No,
            "no command can be run for it".to_owned(),
        );
        let state = |role| terminal_cell(role, cell(GuaranteeResult::Yes), &broken).state;
        assert_eq!(state(Role::Qa), GuaranteeResult::No);
        assert_eq!(state(Role::Monitor), GuaranteeResult::No);
        assert_eq!(state(Role::Developer), GuaranteeResult::Yes);
        assert_eq!(state(Role::Uat), GuaranteeResult::Yes);
    }

    #[test]
    fn a_working_brokered_command_does_not_hide_a_hole() {
        let works = (GuaranteeResult::Yes, "run for it".to_owned());
        assert_eq!(
            terminal_cell(Role::Qa, cell(GuaranteeResult::No), &works),
            cell(GuaranteeResult::No)
        );
        let whole = terminal_cell(Role::Qa, cell(GuaranteeResult::Yes), &works);
        assert_eq!(
            whole.detail,
            "test command: run for it; refused: run a shell"
        );
    }

    #[test]
    fn an_unsafe_browser_fails_only_the_roles_that_have_a_browser() {
        let broken = (GuaranteeResult::No, "it opened a forbidden page".to_owned());
        for role in Role::ALL {
            let expected = match role_policy(role).browser {
                BrowserAccess::Full => GuaranteeResult::No,
                BrowserAccess::No => GuaranteeResult::Yes,
            };
            assert_eq!(browser_cell(role, &broken).state, expected, "{role}");
        }
    }

    #[test]
    fn no_role_is_offered_the_agent_tools_of_the_cli() {
        for role in Role::ALL {
            assert_eq!(spawn_cell(role).state, GuaranteeResult::Yes, "{role}");
        }
    }
}
