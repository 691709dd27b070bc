//! What all parts of the engine need: the site, its paths, the run, the lease deadline, errors.

pub mod artifacts;
pub mod error;
pub(crate) mod files;
pub(crate) mod lease_deadline;
pub(crate) mod orphans;
pub mod paths;
pub mod project_run;
pub mod site;
pub mod stop;
