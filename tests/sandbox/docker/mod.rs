//! The tests of both backends, in Docker containers, and the tests that only Docker needs.

mod confused_deputy;
mod images;
mod limits;
mod reaping;

tests_of_both_backends!(crate::fixtures::backend::SandboxBackend::Docker);
