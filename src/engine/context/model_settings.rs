//! What the configuration and the project state about the model: the rehearsal and the limits.

use eklavya_config::Config;
use eklavya_core::project::Project;
use eklavya_services::costs::DefaultLimits;

/// Returns the rehearsal that plays for a project: the configured one, else the project's own.
pub(crate) fn select_rehearsal(config: &Config, project: &Project) -> Option<String> {
    config
        .model
        .rehearsal
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| project.rehearsal.clone())
}

/// Returns the limits of scopes that have no limit of their own.
pub(crate) fn default_limits(config: &Config) -> DefaultLimits {
    DefaultLimits {
        all: config.budget.overall,
        task: config.budget.task,
        agent: config.budget.agent,
    }
}
