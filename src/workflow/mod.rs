//! The stages from a brief to a delivered repository.
