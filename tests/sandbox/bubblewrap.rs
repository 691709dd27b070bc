//! The tests of both backends, on bubblewrap.

tests_of_both_backends!(crate::fixtures::backend::SandboxBackend::Bubblewrap);
