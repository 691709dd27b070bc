//! The hidden subcommands that run around and inside a sandbox. They run before any other setup, because
//! the start of each agent waits for them.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use eklavya_sandbox::inside::init;
use eklavya_sandbox::launch::{enter, relay};
use eklavya_sandbox::preview::static_server;
use eklavya_sandbox::{docker, selftest};

/// The exit code of shells if a program cannot be started.
const CANNOT_START: u8 = 126;

/// Runs the hidden subcommand if `args` (without the program name) start with one.
pub fn dispatch(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let (name, rest) = args.split_first()?;
    let result = match name.to_str()? {
        relay::NAME => relay::main(rest),
        docker::relay::NAME => docker::relay::main(rest),
        enter::NAME => enter::main(rest),
        init::NAME => init::main(rest),
        selftest::NAME => selftest::main(rest, &mut std::io::stdout().lock()),
        static_server::NAME => static_server::main(rest).map(|never| match never {}),
        _ => return None,
    };
    Some(ExitCode::from(result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "eklavya {}: {error}", name.display());
        CANNOT_START
    })))
}
