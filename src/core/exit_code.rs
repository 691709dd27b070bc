//! The exit codes of `eklavya`, a public contract for scripts.

/// The command succeeded.
pub const DONE: u8 = 0;
/// The command failed.
pub const FAILED: u8 = 1;
/// The command line, a file that it names, or the configuration is not valid.
pub const USAGE: u8 = 2;
/// A project, plan, demo, task or agent that the command names does not exist.
pub const NOT_FOUND: u8 = 3;
/// The entity exists, but its state does not allow the command (for example a demo that is not
/// ready).
pub const WRONG_STATE: u8 = 4;
/// The budget does not allow further work.
pub const OVER_BUDGET: u8 = 5;
/// The work waits for a decision of the admin.
pub const NEEDS_DECISION: u8 = 6;
/// The environment is not usable: CLI, sandbox, store, model endpoint.
pub const ENVIRONMENT: u8 = 7;
/// The command was interrupted (Ctrl-C); running it again resumes the work.
pub const INTERRUPTED: u8 = 130;
