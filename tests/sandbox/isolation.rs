//! What the walls are made of here: bubblewrap. The tests of Docker have another file in its place.

use std::ffi::OsStr;

use eklavya_sandbox::{KernelRequirements, Sandbox};

use crate::support::{agent_user, eklavya_program};

/// Whether all walls are ours, so that each can be left out to see what it is good for, and whether
/// an ordinary user of the machine can have them.
pub const OURS: bool = true;
/// Attempts that work and do not matter, with why.
pub const HARMLESS: &[(&str, &str)] = &[];
/// What Perl takes besides its program.
pub const PERL_LIBRARY: Option<&str> = None;

pub async fn sandbox() -> Sandbox {
    let search = OsStr::new("/usr/bin:/bin");
    let probed = Sandbox::probe_bubblewrap(
        search,
        eklavya_program(),
        agent_user(),
        KernelRequirements::default(),
    )
    .await;
    probed.unwrap()
}
