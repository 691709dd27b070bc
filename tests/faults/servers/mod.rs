//! Servers that fail while the work depends on them: the database, the bus, the model's endpoint.

mod bus;
mod database;
mod database_outage;
mod endpoint;
