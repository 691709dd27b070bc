//! The hidden subcommand that serves the preview of a demo until it is stopped.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use eklavya_engine::preview::host;

/// Runs the hidden subcommand if `args` (without the program name) start with it.
pub fn dispatch(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let name = args.into_iter().next()?;
    if name != host::HOST_COMMAND {
        return None;
    }
    let served = tokio::runtime::Runtime::new()
        .map_err(|error| error.to_string())
        .and_then(|runtime| {
            let exe = std::env::current_exe().map_err(|error| error.to_string())?;
            let host = host::run_preview_host(exe, tokio::io::stdout());
            runtime.block_on(host).map_err(|error| error.to_string())
        });
    Some(match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "eklavya {}: {error}", host::HOST_COMMAND);
            ExitCode::FAILURE
        }
    })
}
