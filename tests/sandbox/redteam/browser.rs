//! The attempts of whoever has taken over a browser: those of agents, from where a browser runs.

use eklavya_sandbox::Guard;

use super::attempts::{ATTEMPTS, Attempt, Shown, Who, attempt};

/// What only a browser has.
#[rustfmt::skip]
const OWN: &[Attempt] = &[
    attempt(Who::Browser, "change the rules of a browser's administrator", "mounts, Landlock", Shown::No("it would change the machine"), r#"spew("/etc/chromium/policies/managed/eklavya.json")"#),
    attempt(Who::Browser, "add a rule to those of a browser's administrator", "mounts, Landlock", Shown::No("it would change the machine"), r#"spew("/etc/chromium/policies/managed/new.json")"#),
];

/// Whether a browser's sandbox has to stop it in the same way: all that a developer may not do,
/// whose sandbox has the same programs, and no writing in the clone, as for an architect.
///
/// A browser may write nowhere below `.git`, and starts programs and makes sockets of its own.
fn is_shared(attempt: &Attempt) -> bool {
    match attempt.who {
        Who::Developer => !attempt.code.contains(".git"),
        Who::Architect => attempt.shown.guards().contains(&Guard::Mounts),
        Who::Browser => false,
    }
}

/// Returns the attempts.
pub fn attempts() -> Vec<Attempt> {
    let shared = ATTEMPTS.iter().filter(|attempt| is_shared(attempt));
    let shared = shared.map(|shared| Attempt {
        name: format!("{} from a browser", shared.name).leak(),
        who: Who::Browser,
        ..shared.clone()
    });
    OWN.iter().cloned().chain(shared).collect()
}
