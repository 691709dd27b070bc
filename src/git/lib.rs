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

mod bundle;
mod bundle_file;
mod call;
mod checkout;
mod clone;
mod commit;
mod error;
mod fence;
#[cfg(test)]
mod fixture;
mod git;
mod history;
mod identity;
mod ignore;
mod import;
#[cfg(test)]
mod import_tests;
mod leaks;
mod locks;
mod merge;
mod names;
mod refs;
mod remove;
mod repository;
mod selection;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod tag;
mod untracked;
mod walk;
mod withheld;
#[cfg(test)]
mod withheld_tests;

pub use clone::Cloned;
pub use eklavya_core::domain::commit::CommitId;
pub use error::VcsError;
pub use git::Git;
pub use history::{CommitInfo, DiffStat};
pub use identity::{Identity, Signature};
pub use import::{ImportLimits, Imported, bundle_argv};
pub use leaks::{Leak, Place, Sought};
pub use merge::Merge;
pub use names::Reason;
pub use remove::remove_tree;
pub use repository::{Repository, remove_unfinished};
pub use snapshot::{LeftOut, Snapshot, SnapshotLimits};
pub use withheld::still_there;
