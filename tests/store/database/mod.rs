//! A database as a whole: it is opened, migrated, copied and closed, or cannot be used.

mod cancelled;
mod close_at_exit;
mod copy;
mod migrate;
mod unusable_databases;
