//! The sandbox: whether agents can be held, and what of it holds on this machine.

use eklavya_config::Config;
use eklavya_core::domain::isolation::IsolationKind;
use eklavya_sandbox::docker::Variant;
use eklavya_sandbox::examine::{Finding, Guarantee, Holds};
use eklavya_sandbox::{Isolation, Sandbox, User};

use super::{Check, home};
use crate::crew;
use crate::invocation::Invocation;

const NAME: &str = "sandbox";

/// What was found of the sandbox as such.
pub struct Held {
    /// The findings.
    pub checks: Vec<Check>,
    /// The isolation that can be used, if any, and whom root becomes in it.
    pub usable: Option<(Sandbox, User)>,
}

impl Held {
    fn not(check: Check) -> Self {
        Self {
            checks: vec![check],
            usable: None,
        }
    }
}

/// Can agents be held in a sandbox, and what does it keep all of them from? Each guarantee is tried.
pub async fn held(invocation: &Invocation, config: &Config, chosen: Option<IsolationKind>) -> Held {
    if invocation.no_sandbox {
        let detail = "off (--no-sandbox): agents can read and change everything that you can";
        return Held::not(Check::warning(NAME, detail, "leave --no-sandbox out"));
    }
    let id = config.sandbox.uid_base.saturating_add(1);
    let user = User { uid: id, gid: id };
    let sandbox = match crew::sandbox(invocation, chosen, user).await {
        Ok(sandbox) => sandbox,
        Err(error) => return Held::not(Check::error(NAME, &error)),
    };
    match sandbox.examine(Some(user), &home::place(config)).await {
        Ok(findings) => Held {
            checks: std::iter::once(found(&sandbox))
                .chain(findings.into_iter().map(check_of))
                .collect(),
            usable: Some((sandbox, user)),
        },
        Err(error) => Held::not(Check::error(NAME, &error)),
    }
}

fn found(sandbox: &Sandbox) -> Check {
    match sandbox.isolation() {
        Isolation::Bubblewrap { path } => {
            Check::ok(NAME, format!("bubblewrap at {}", path.display()))
        }
        Isolation::Docker(docker) => {
            let socket = docker.settings().socket.display();
            let images = Variant::ALL.map(Variant::image).join(" and ");
            Check::ok(NAME, format!("Docker at {socket}, with {images}"))
        }
        Isolation::None => Check::ok(NAME, "none"),
    }
}

fn check_of(finding: Finding) -> Check {
    let name = name_of(finding.guarantee);
    let consequence = finding.guarantee.consequence();
    match finding.state {
        Holds::Yes => Check::ok(name, finding.detail),
        Holds::Partly => Check::warning(name, finding.detail, fix_of(finding.guarantee)),
        // The configuration allows it to be missing, or else the probe had refused.
        Holds::No if finding.guarantee == Guarantee::Landlock => Check::warning(
            name,
            format!("{}: {consequence}", finding.detail),
            fix_of(finding.guarantee),
        ),
        Holds::No => Check::failed(
            name,
            format!("{}: {consequence}", finding.detail),
            fix_of(finding.guarantee),
        ),
    }
}

fn name_of(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::Files => "sandbox: files",
        Guarantee::Roles => "sandbox: roles",
        Guarantee::Landlock => "sandbox: Landlock",
        Guarantee::Seccomp => "sandbox: system calls",
        Guarantee::UserNamespaces => "sandbox: user namespaces",
        Guarantee::Network => "sandbox: network",
        Guarantee::Processes => "sandbox: processes",
        Guarantee::Identity => "sandbox: identity",
        Guarantee::KernelSettings => "sandbox: kernel settings",
        Guarantee::Limits => "sandbox: limits",
    }
}

fn fix_of(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::Landlock => {
            "boot a newer Linux (6.12 has all of it) with landlock in its lsm= list"
        }
        Guarantee::Seccomp => "boot a Linux with CONFIG_SECCOMP_FILTER",
        Guarantee::Identity => "as root, set sandbox.uidBase to free user ids",
        Guarantee::Files
        | Guarantee::Roles
        | Guarantee::UserNamespaces
        | Guarantee::Network
        | Guarantee::Processes
        | Guarantee::KernelSettings
        | Guarantee::Limits => {
            "install a newer bubblewrap (or Docker) from your distribution; do not let agents run until this holds"
        }
    }
}
