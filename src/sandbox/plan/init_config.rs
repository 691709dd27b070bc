//! The configuration of `sandbox-init`, derived from the specification of a sandbox.

use crate::inside::confinement::Confinement;
use crate::inside::door::DoorForwarding;
use crate::inside::init_config::{Enclosure, InitConfig};
use crate::inside::resource_limits::ResourceLimits;
use crate::plan::landlock::plan_landlock;
use crate::protection_layer::ProtectionLayer;
use crate::spec::{KernelRequirements, ProgramSpec, SandboxProfile, SandboxSpec};

/// Returns what `sandbox-init` has to do to run `program` in a sandbox of `spec`.
pub(crate) fn plan_init(
    spec: &SandboxSpec,
    program: &ProgramSpec,
    enclosure: Enclosure,
    requirements: KernelRequirements,
) -> InitConfig {
    let confined = enclosure != Enclosure::Host;
    InitConfig {
        enclosure,
        door: plan_door(spec),
        limits: plan_limits(spec, enclosure),
        confinement: if confined {
            plan_confinement(spec, requirements)
        } else {
            Confinement::default()
        },
        program: program.program.clone(),
        args: program.args.clone(),
    }
}

fn plan_door(spec: &SandboxSpec) -> DoorForwarding {
    match (spec.profile, &spec.door) {
        (SandboxProfile::Agent(_), Some(door)) => DoorForwarding::Gateway(door.clone()),
        (SandboxProfile::Browser, Some(door)) => DoorForwarding::Proxy(door.clone()),
        (SandboxProfile::Preview { port, .. }, Some(door)) => {
            DoorForwarding::Web(door.clone(), port)
        }
        (SandboxProfile::Command(_), _) | (_, None) => DoorForwarding::Closed,
    }
}

fn plan_limits(spec: &SandboxSpec, enclosure: Enclosure) -> ResourceLimits {
    if !spec.is_enabled(ProtectionLayer::Limits) {
        return ResourceLimits::Nothing;
    }
    match enclosure {
        Enclosure::Sandbox => ResourceLimits::All,
        // The kernel would count the processes of the same user outside of the container too.
        Enclosure::Container => ResourceLimits::Files,
        Enclosure::Host => ResourceLimits::Nothing,
    }
}

fn plan_confinement(spec: &SandboxSpec, requirements: KernelRequirements) -> Confinement {
    Confinement {
        landlock: plan_landlock(spec, requirements.landlock),
        sockets: spec
            .is_enabled(ProtectionLayer::Seccomp)
            .then(|| spec.profile.allowed_sockets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::seccomp::AllowedSockets;
    use crate::workspace_dirs::WorkspaceDirs;
    use eklavya_core::agent::role::Role;

    #[test]
    fn the_configuration_has_the_layers_that_the_specification_enables() {
        let mut spec = SandboxSpec::new(
            SandboxProfile::Agent(Role::Developer),
            &WorkspaceDirs::below("/-- landlock".as_ref()),
        );
        let requirements = KernelRequirements { landlock: 3 };
        let program = ProgramSpec::new("x", ["--", "limits"]);
        let read = |spec: &SandboxSpec, enclosure| {
            let config = plan_init(spec, &program, enclosure, requirements);
            InitConfig::parse(&config.to_words()).unwrap()
        };
        let config = read(&spec, Enclosure::Sandbox);
        assert_eq!(config.limits, ResourceLimits::All);
        // The Docker engine limits the processes of a container.
        let container = read(&spec, Enclosure::Container);
        assert_eq!(container.limits, ResourceLimits::Files);
        assert_eq!(config.confinement.sockets, Some(AllowedSockets::Local));
        assert_eq!(config.confinement.landlock, plan_landlock(&spec, 3));
        assert!(config.confinement.landlock.is_some());
        assert_eq!(config.args, ["--", "limits"]);
        spec.disabled_layers = vec![
            ProtectionLayer::Limits,
            ProtectionLayer::Seccomp,
            ProtectionLayer::Landlock,
        ];
        let config = read(&spec, Enclosure::Sandbox);
        assert_eq!(
            (config.limits, config.confinement),
            (ResourceLimits::Nothing, Confinement::default())
        );
    }

    #[test]
    fn nothing_is_restricted_without_an_enclosure() {
        let dirs = WorkspaceDirs::below("/x".as_ref());
        let spec = SandboxSpec::new(SandboxProfile::Agent(Role::Pm), &dirs);
        let program = ProgramSpec::new("x", ["y"]);
        let config = plan_init(
            &spec,
            &program,
            Enclosure::Host,
            KernelRequirements::default(),
        );
        assert_eq!(config.to_words(), ["nothing", "closed", "--", "x", "y"]);
    }
}
