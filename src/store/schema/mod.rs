//! The migrations, and which of them a database has seen.

pub(crate) mod audit_chain_upgrade;
pub(crate) mod migrate;
pub mod schema_version;
