//! The bus.

use super::DoctorCheck;
use crate::invocation::{CommandInvocation, data_store};

const NAME: &str = "bus";

/// Checks that the bus is usable. The bus inside the process always is.
pub async fn check_bus(invocation: &CommandInvocation) -> DoctorCheck {
    let server = match data_store::bus_server(invocation) {
        Ok(Some(server)) => server,
        Ok(None) => return DoctorCheck::ok(NAME, "inside the process"),
        Err(error) => return DoctorCheck::failed_with_error(NAME, &error),
    };
    match server.probe().await {
        Ok(version) => DoctorCheck::ok(NAME, format!("{} (Redis {version})", server.display_url())),
        Err(error) => DoctorCheck::failed(
            NAME,
            error.to_string(),
            "fix the problem, or work without Redis: eklavya config set bus.url none",
        ),
    }
}
