//! The database: one file per entity, one SQL text for every database.
