//! The attempts of an attacker that controls a browser: the attempts of agents, made in a
//! browser's sandbox.

use eklavya_sandbox::ProtectionLayer;

use super::attempts::{ATTEMPTS, AttackOrigin, AttackProof, EscapeAttempt, attempt};

/// The attempts that are made only in a browser's sandbox.
#[rustfmt::skip]
const OWN: &[EscapeAttempt] = &[
    attempt(AttackOrigin::Browser, "change the rules of a browser's administrator", "mounts, Landlock", AttackProof::NotShown("it would change the machine"), r#"spew("/etc/chromium/policies/managed/eklavya.json")"#),
    attempt(AttackOrigin::Browser, "add a rule to those of a browser's administrator", "mounts, Landlock", AttackProof::NotShown("it would change the machine"), r#"spew("/etc/chromium/policies/managed/new.json")"#),
];

/// Whether a browser's sandbox must stop the attempt too: all attempts of a developer, whose
/// sandbox has the same programs, and an architect's attempts to write the clone.
///
/// The attempts on `.git` differ, because a browser cannot write `.git` at all. So do an
/// architect's attempts to start programs and create sockets, because a browser may do both.
fn is_shared(attempt: &EscapeAttempt) -> bool {
    match attempt.origin {
        AttackOrigin::Developer => !attempt.code.contains(".git"),
        AttackOrigin::Architect => attempt.proof.guards().contains(&ProtectionLayer::Mounts),
        AttackOrigin::Browser => false,
    }
}

/// Returns all attempts in a browser's sandbox.
pub fn attempts() -> Vec<EscapeAttempt> {
    let shared = ATTEMPTS.iter().filter(|attempt| is_shared(attempt));
    let shared = shared.map(|shared| EscapeAttempt {
        name: format!("{} from a browser", shared.name).leak(),
        origin: AttackOrigin::Browser,
        ..shared.clone()
    });
    OWN.iter().cloned().chain(shared).collect()
}
