//! What all folders of the engine need: the site, its paths, the run, the lease deadline, errors.

pub mod artifacts;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod lease_deadline;
pub(crate) mod model_settings;
pub(crate) mod orphans;
pub(crate) mod paths;
pub(crate) mod project_run;
pub(crate) mod served_preview;
pub mod site;
pub(crate) mod stop;
