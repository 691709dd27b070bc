//! The isolation of agents in the complete product.

mod bubblewrap;
mod egress;
pub mod neighbours;
pub mod role_table;
mod roles;
mod unsandboxed;
