//! What agents reach in the product as it is, and what they do not.

mod bubblewrap;
mod egress;
pub mod neighbours;
pub mod role_table;
mod roles;
mod unsandboxed;
