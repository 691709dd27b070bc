//! The project's bare repository, which only the orchestrator writes, and the way of an agent's
//! work into it.
//!
//! # What is never done
//! Git never runs on this side with a git directory that an agent could write, since its
//! configuration names programs (`core.fsmonitor`, diff and filter drivers, hooks) that git then
//! starts. It does not even read an agent's work tree: [`Repository::snapshot`] walks the tree
//! itself without following a link and hands git the bytes. History comes back as a bundle that the
//! agent's own git wrote inside its sandbox ([`bundle_argv`], [`Repository::import_bundle`]).
//!
//! # References
//! | name | meaning |
//! | --- | --- |
//! | `refs/heads/main` | the product; moved by compare and swap only |
//! | `refs/heads/demo/<n>` | demo n |
//! | `refs/eklavya/agents/<id>` | what an agent left: its history with its last tree on top |
//! | `refs/eklavya/checkpoints/<...>` | trees kept for a restore |
//! | `refs/eklavya/fence` | the number of the newest tenure; see [`Repository::raise_fence`] |
//! | `refs/tags/<name>` | deliveries |
//!
//! Several operations may run in one repository at the same time: each has its own scratch
//! directory, objects are only ever added (`gc.auto=0`), references move by compare and swap.

pub mod bundle;
mod error;
mod excluded_names;
mod git_command;
mod git_program;
mod identity;
mod remove_tree;
mod repository;
pub mod secrets;
#[cfg(test)]
mod test_repo;
pub mod work_tree;

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
