//! The attempts of an attacker that controls a browser: those of agents, made in a browser's
//! sandbox.

use eklavya_sandbox::ProtectionLayer;

use super::attempts::{ATTEMPTS, AttackOrigin, AttackProof, EscapeAttempt, attempt};

/// The attempts that only a browser has.
#[rustfmt::skip]
const OWN: &[EscapeAttempt] = &[
    attempt(AttackOrigin::Browser, "change the rules of a browser's administrator", "mounts, Landlock", AttackProof::NotShown("it would change the machine"), r#"spew("/etc/chromium/policies/managed/eklavya.json")"#),
    attempt(AttackOrigin::Browser, "add a rule to those of a browser's administrator", "mounts, Landlock", AttackProof::NotShown("it would change the machine"), r#"spew("/etc/chromium/policies/managed/new.json")"#),
];

/// Whether a browser's sandbox has to stop it in the same way: all that a developer may not do,
/// whose sandbox has the same programs, and no writing in the clone, as for an architect.
///
/// A browser may write nowhere below `.git`, and starts programs and makes sockets of its own.
fn is_shared(attempt: &EscapeAttempt) -> bool {
    match attempt.origin {
        AttackOrigin::Developer => !attempt.code.contains(".git"),
        AttackOrigin::Architect => attempt.proof.guards().contains(&ProtectionLayer::Mounts),
        AttackOrigin::Browser => false,
    }
}

/// Returns the attempts.
pub fn attempts() -> Vec<EscapeAttempt> {
    let shared = ATTEMPTS.iter().filter(|attempt| is_shared(attempt));
    let shared = shared.map(|shared| EscapeAttempt {
        name: format!("{} from a browser", shared.name).leak(),
        origin: AttackOrigin::Browser,
        ..shared.clone()
    });
    OWN.iter().cloned().chain(shared).collect()
}
