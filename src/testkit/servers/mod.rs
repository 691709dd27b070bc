//! Servers for tests: started for one test, or shared by several.

pub mod docker;
pub mod postgres;
pub mod redis;
