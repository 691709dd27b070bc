//! Servers that fail during work: the database, the bus, the endpoint of the model.

mod bus;
mod database;
mod database_outage;
mod endpoint;
