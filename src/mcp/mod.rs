//! Tools that the orchestrator offers to agents.
