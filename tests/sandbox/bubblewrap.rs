//! The tests of both backends, on bubblewrap.

tests_of_both_backends!(crate::backend::SandboxBackend::Bubblewrap);
