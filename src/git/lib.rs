//! The project's bare repository, which only the orchestrator writes, and the path of agents' work
//! into it.
//!
//! # Security
//! Git never runs on this side with a git directory that an agent could write, since its
//! configuration names programs (`core.fsmonitor`, diff and filter drivers, hooks) that git would
//! start. Git does not even read an agent's work tree: [`ProjectRepository::snapshot`] walks the tree
//! itself without following links and passes git the bytes. An agent's history arrives as a bundle
//! that its own git wrote inside its sandbox ([`bundle_argv`],
//! [`ProjectRepository::import_bundle`]).
//!
//! # References
//! | name | meaning |
//! | --- | --- |
//! | `refs/heads/main` | the product; moved by compare and swap only |
//! | `refs/heads/demo/<n>` | demo n |
//! | `refs/eklavya/agents/<id>` | an agent's result: its history with its last tree on top |
//! | `refs/eklavya/checkpoints/<...>` | trees kept for a restore |
//! | `refs/eklavya/fence` | the number of the newest lease; see [`ProjectRepository::raise_fence`] |
//! | `refs/tags/<name>` | deliveries |
//!
//! Several operations may run in one repository at the same time: each has its own scratch
//! directory, objects are only added (`gc.auto=0`), and references move by compare and swap.

mod bundle;
mod error;
mod excluded_names;
mod git_command;
mod git_program;
mod identity;
mod remove_tree;
mod repository;
mod secrets;
#[cfg(test)]
mod test_repo;
mod work_tree;

pub use crate::bundle::import::{ImportLimits, ImportOutcome, bundle_argv};
pub use crate::excluded_names::ExclusionReason;
pub use crate::git_program::GitProgram;
pub use crate::remove_tree::remove_tree;
pub use crate::repository::history::CommitInfo;
pub use crate::repository::merge::MergeOutcome;
pub use crate::secrets::leaks::{LeakLocation, SecretLeak, SecretSet};
pub use crate::secrets::secret_scan::retain_existing;
pub use crate::work_tree::clone::CloneOutcome;
pub use crate::work_tree::snapshot::{ExcludedPath, SnapshotLimits, WorkTreeSnapshot};
pub use eklavya_core::ids::commit::CommitId;
pub use error::GitError;
pub use identity::{GitIdentity, GitSignature};
pub use repository::{ProjectRepository, remove_unfinished};
