//! The sandbox: whether it can be used, and which of its guarantees hold on this machine.

use eklavya_config::Config;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_sandbox::docker::ImageVariant;
use eklavya_sandbox::selftest::{Guarantee, GuaranteeFinding, GuaranteeResult};
use eklavya_sandbox::{IsolationBackend, Sandbox, SandboxUser};

use super::DoctorCheck;
use crate::doctor::storage;
use crate::invocation::CommandInvocation;
use crate::stage::run_factory;

const NAME: &str = "sandbox";

/// The checks of the sandbox itself.
pub struct SandboxChecks {
    pub checks: Vec<DoctorCheck>,
    /// The usable sandbox, if any, and the user that root becomes in it.
    pub usable: Option<(Sandbox, SandboxUser)>,
}

impl SandboxChecks {
    fn unusable(check: DoctorCheck) -> Self {
        Self {
            checks: vec![check],
            usable: None,
        }
    }
}

/// Checks that agents can run in a sandbox, and tests each guarantee that holds for every role.
pub async fn check_sandbox(
    invocation: &CommandInvocation,
    config: &Config,
    chosen: Option<IsolationKind>,
) -> SandboxChecks {
    if invocation.no_sandbox {
        let detail = "off (--no-sandbox): agents can read and change everything that you can";
        return SandboxChecks::unusable(DoctorCheck::warning(
            NAME,
            detail,
            "run without --no-sandbox",
        ));
    }
    let id = config.sandbox.uid_base.saturating_add(1);
    let user = SandboxUser { uid: id, gid: id };
    let sandbox = match run_factory::open_sandbox(invocation, chosen, user).await {
        Ok(sandbox) => sandbox,
        Err(error) => return SandboxChecks::unusable(DoctorCheck::failed_with_error(NAME, &error)),
    };
    match sandbox
        .run_selftest(Some(user), &storage::probe_directory(config))
        .await
    {
        Ok(findings) => SandboxChecks {
            checks: std::iter::once(backend_check(&sandbox))
                .chain(findings.into_iter().map(guarantee_check))
                .collect(),
            usable: Some((sandbox, user)),
        },
        Err(error) => SandboxChecks::unusable(DoctorCheck::failed_with_error(NAME, &error)),
    }
}

fn backend_check(sandbox: &Sandbox) -> DoctorCheck {
    match sandbox.isolation() {
        IsolationBackend::Bubblewrap { path } => {
            DoctorCheck::ok(NAME, format!("bubblewrap at {}", path.display()))
        }
        IsolationBackend::Docker(docker) => {
            let socket = docker.settings().socket.display();
            let images = ImageVariant::ALL.map(ImageVariant::image).join(" and ");
            DoctorCheck::ok(NAME, format!("Docker at {socket}, with {images}"))
        }
        IsolationBackend::None => DoctorCheck::ok(NAME, "none"),
    }
}

fn guarantee_check(finding: GuaranteeFinding) -> DoctorCheck {
    let name = guarantee_check_name(finding.guarantee);
    let consequence = finding.guarantee.consequence();
    match finding.state {
        GuaranteeResult::Yes => DoctorCheck::ok(name, finding.detail),
        GuaranteeResult::Partly => {
            DoctorCheck::warning(name, finding.detail, guarantee_fix(finding.guarantee))
        }
        // The configuration allows Landlock to be missing; otherwise `open_sandbox` fails.
        GuaranteeResult::No if finding.guarantee == Guarantee::Landlock => DoctorCheck::warning(
            name,
            format!("{}: {consequence}", finding.detail),
            guarantee_fix(finding.guarantee),
        ),
        GuaranteeResult::No => DoctorCheck::failed(
            name,
            format!("{}: {consequence}", finding.detail),
            guarantee_fix(finding.guarantee),
        ),
    }
}

fn guarantee_check_name(guarantee: Guarantee) -> &'static str {
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

fn guarantee_fix(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::Landlock => {
            "boot a newer Linux (6.12 has all features) with landlock in its lsm= list"
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
            "install a newer bubblewrap (or Docker) from your distribution; do not run agents until this is fixed"
        }
    }
}
