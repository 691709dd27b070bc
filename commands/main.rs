//! The `eklavya` command.

mod sandbox_init;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = sandbox_init::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    ExitCode::SUCCESS
}
