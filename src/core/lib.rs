//! Entities, state machines, money and the redactor; the clock, processes and exit codes.

pub mod clock;
pub mod domain;
pub mod exit_code;
pub mod process;
