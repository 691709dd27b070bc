//! The gateway against an endpoint on the loopback interface, and against a real CLI.

mod cli;
mod egress;
mod failures;
mod fetch;
mod house;
mod limits;
mod pricing;
mod proxy;
mod rebinding;
mod recording;
mod refused;
mod rehearsal;
mod scripts;
mod search;
mod upstream;
mod web_socket;
mod workers;
