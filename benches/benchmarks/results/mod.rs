//! What was measured, where, and how it is reported.

pub mod comparison;
pub mod latency;
pub mod machine;
pub mod report;
pub mod samples;
