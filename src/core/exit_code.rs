//! The exit codes of `eklavya`: a public contract that scripts rely on.

/// The work was done.
pub const DONE: u8 = 0;
/// The work failed.
pub const FAILED: u8 = 1;
/// The command line, a file that it names, or the configuration is not usable as given.
pub const USAGE: u8 = 2;
/// A project, plan, demo, task or agent that the command names does not exist.
pub const NOT_FOUND: u8 = 3;
/// The thing exists, but not in a state that allows the command (e.g. a demo that is not ready).
pub const WRONG_STATE: u8 = 4;
/// A budget does not allow the work to go on.
pub const OVER_BUDGET: u8 = 5;
/// The work waits for a decision of the admin.
pub const NEEDS_DECISION: u8 = 6;
/// The environment is not usable: CLI, sandbox, store, model endpoint.
pub const ENVIRONMENT: u8 = 7;
/// The command was interrupted (Ctrl-C); running it again goes on.
pub const INTERRUPTED: u8 = 130;
