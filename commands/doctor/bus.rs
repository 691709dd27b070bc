//! The bus.

use super::Check;
use crate::desk;
use crate::invocation::Invocation;

const NAME: &str = "bus";

/// Can the bus be used? One inside the process always can.
pub async fn usable(invocation: &Invocation) -> Check {
    let server = match desk::bus_server(invocation) {
        Ok(Some(server)) => server,
        Ok(None) => return Check::ok(NAME, "inside the process"),
        Err(error) => return Check::error(NAME, &error),
    };
    match server.probe().await {
        Ok(version) => Check::ok(NAME, format!("{} (Redis {version})", server.shown())),
        Err(error) => Check::failed(
            NAME,
            error.to_string(),
            "correct it, or work without: eklavya config set bus.url none",
        ),
    }
}
