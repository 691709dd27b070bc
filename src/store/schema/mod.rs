//! The migrations, and the schema version of a database.

pub(crate) mod audit_chain_upgrade;
pub(crate) mod migrate;
pub mod schema_version;
