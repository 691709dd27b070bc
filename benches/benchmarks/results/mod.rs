//! The results of measurements, the machine, and the report.

pub mod comparison;
pub mod latency;
pub mod machine;
pub mod report;
pub mod samples;
