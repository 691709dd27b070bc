//! The stages from a brief to a delivered repository.
//!
//! Every step is written down before it is acted upon; what is to be done next follows from the
//! database alone, so running a stage again goes on where it stopped.

mod accept;
mod admission;
mod agent_run;
pub mod artifacts;
mod briefing;
mod browser_tally;
mod browsing;
mod calls;
pub mod capacity;
mod checks;
mod collect;
pub mod crew;
pub mod dossier;
pub mod egress;
pub mod error;
pub mod examine;
mod exhibit;
pub mod export;
mod files;
mod gallery;
mod grip;
pub mod kill;
mod launch;
mod leaks;
mod merge;
pub mod model;
mod orphans;
mod outage;
pub mod paths;
mod perform;
pub mod preview;
pub mod preview_host;
mod preview_names;
mod recovery;
mod scheduler;
pub mod site;
pub mod stages;
pub mod stop;
mod tenure;
mod tidy;
mod tools;
mod trial;
mod watch;
pub mod workbench;
pub mod worker;
mod workspace;

pub use error::WorkflowError;
pub use paths::{Paths, ProjectPaths};
pub use site::{Site, SiteSpec};
pub use stop::{Stop, StopReason};
pub use tenure::hold;
pub use worker::{Patience, Watched, Worker, WorkerSpec};
