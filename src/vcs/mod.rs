//! The project's bare repository, which only the orchestrator writes.
