//! One agent: its admission, its launch, its gateway, its session and the monitoring of it.

pub(crate) mod admission;
pub mod egress;
pub(crate) mod gateway;
pub mod kill;
pub(crate) mod launch;
pub(crate) mod monitor;
pub(crate) mod prompt;
pub(crate) mod run;
pub(crate) mod tool_calls;
