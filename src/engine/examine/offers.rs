//! The columns that are held by what the orchestrator offers to a role, and does for it.

use std::path::Path;
use std::time::Duration;

use crate::tools::SPAWN_AGENT;
use eklavya_core::domain::role::Role;
use eklavya_sandbox::examine::{Cell, Column, Holds, directory_in};
use eklavya_sandbox::policy::{Browser, Terminal, policy};
use eklavya_sandbox::{
    Access, Dirs, Profile, RunLimits, Sandbox, SandboxError, Spec, User, run_command,
};

/// The CLI's own tools that start agents, by their names in its versions.
const OWN_AGENTS: [&str; 2] = ["Task", "Agent"];
/// What a command that is run for an agent prints here.
const SAID: &str = "a command ran";
const LIMITS: RunLimits = RunLimits {
    timeout: Duration::from_secs(30),
    output_bytes: 4096,
};

/// Runs a command as it is run for roles that may not run one themselves; returns what came of it.
pub(super) async fn try_command(sandbox: &Sandbox, user: User, place: &Path) -> (Holds, String) {
    match run(sandbox, user, place).await {
        Ok(said) if said.trim() == SAID => {
            (Holds::Yes, "run for it in a sandbox of its own".to_owned())
        }
        Ok(said) => (
            Holds::No,
            format!("a command that is run for it says {said:?}"),
        ),
        Err(error) => (Holds::No, format!("no command can be run for it: {error}")),
    }
}

async fn run(sandbox: &Sandbox, user: User, place: &Path) -> Result<String, SandboxError> {
    let prepare = |source| SandboxError::Prepare { source };
    let directory = directory_in(place).map_err(prepare)?;
    let dirs = Dirs::at(&directory.path().join("work"));
    dirs.prepare(sandbox.becomes(Some(user)))?;
    let mut spec = Spec::new(Profile::Command(Access::Write), &dirs);
    spec.user = Some(user);
    let line = format!("echo {SAID}");
    Ok(run_command(sandbox, &spec, &line, &[], LIMITS)
        .await?
        .output)
}

/// Returns the cell of the terminal: what the role tried itself, and what is run for it.
pub(super) fn terminal(role: Role, own: Cell, brokered: &(Holds, String)) -> Cell {
    let what = match policy(role).terminal {
        Terminal::No | Terminal::Full => return own,
        Terminal::TestCommand => "test command",
        Terminal::Diagnostic => "diagnostics",
    };
    let (state, detail) = brokered;
    if own.state != Holds::Yes {
        return own;
    }
    Cell {
        state: *state,
        detail: format!("{what}: {detail}; {}", own.detail),
        ..own
    }
}

/// Returns the cell of the browser.
pub(super) fn browser(role: Role, tried: &(Holds, String)) -> Cell {
    let (state, detail) = match policy(role).browser {
        Browser::Full => tried.clone(),
        Browser::No => (Holds::Yes, "none is offered to it".to_owned()),
    };
    Cell {
        column: Column::Browser,
        state,
        detail,
    }
}

/// Returns the cell of other agents.
pub(super) fn spawn(role: Role) -> Cell {
    let offered = policy(role).tools();
    let own = OWN_AGENTS.into_iter().find(|tool| offered.contains(tool));
    let (state, detail) = match (own, policy(role).leads()) {
        (Some(tool), _) => (
            Holds::No,
            format!("the CLI's own tool {tool} starts agents that nobody counts"),
        ),
        (None, true) => (
            Holds::Yes,
            format!("{SPAWN_AGENT} is offered to it; the CLI's own are not"),
        ),
        (None, false) => (
            Holds::Yes,
            format!("neither {SPAWN_AGENT} nor the CLI's own are offered to it"),
        ),
    };
    Cell {
        column: Column::SpawnAgents,
        state,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(state: Holds) -> Cell {
        Cell {
            column: Column::Terminal,
            state,
            detail: "refused: run a shell".to_owned(),
        }
    }

    #[test]
    fn a_command_that_cannot_be_run_spoils_the_cells_of_those_for_whom_it_is_run() {
        let broken = (Holds::No, "no command can be run for it".to_owned());
        let state = |role| terminal(role, cell(Holds::Yes), &broken).state;
        assert_eq!(state(Role::Qa), Holds::No);
        assert_eq!(state(Role::Monitor), Holds::No);
        assert_eq!(state(Role::Developer), Holds::Yes);
        assert_eq!(state(Role::Uat), Holds::Yes);
    }

    #[test]
    fn a_hole_is_not_hidden_by_a_command_that_runs() {
        let works = (Holds::Yes, "run for it".to_owned());
        assert_eq!(terminal(Role::Qa, cell(Holds::No), &works), cell(Holds::No));
        let whole = terminal(Role::Qa, cell(Holds::Yes), &works);
        assert_eq!(
            whole.detail,
            "test command: run for it; refused: run a shell"
        );
    }

    #[test]
    fn a_browser_that_does_not_hold_is_the_concern_of_those_who_have_one() {
        let broken = (Holds::No, "it opened what it may not".to_owned());
        for role in Role::ALL {
            let expected = match policy(role).browser {
                Browser::Full => Holds::No,
                Browser::No => Holds::Yes,
            };
            assert_eq!(browser(role, &broken).state, expected, "{role}");
        }
    }

    #[test]
    fn nobody_has_the_agents_of_the_cli() {
        for role in Role::ALL {
            assert_eq!(spawn(role).state, Holds::Yes, "{role}");
        }
    }
}
