//! The gateway against an endpoint on the loopback interface, and against a real CLI.

mod cli;
mod egress;
pub(crate) mod fixture;
pub mod model;
mod rehearsal;
pub(crate) mod test_upstream;
