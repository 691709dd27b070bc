//! Ctrl-C: the first one stops the work in good order, the second one at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{CommandError, Kind};
use crate::output::Printer;

/// What the work listens to.
#[derive(Debug, Clone)]
pub struct Interrupts {
    /// Cancelled by the first signal: interrupt the agents, keep what they did, come back.
    pub soft: CancellationToken,
    /// Cancelled by the second: kill them.
    pub hard: CancellationToken,
}

impl Interrupts {
    /// Listens to SIGINT, SIGTERM and SIGHUP (the terminal was closed) from now on, and tells the
    /// person what they do. Must be called within the runtime.
    pub fn listen(printer: Printer) -> Result<Self, CommandError> {
        let interrupts = Self {
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
        };
        let signals = Signals::new().map_err(|error| {
            let message = format!("cannot listen to signals: {error}");
            CommandError::new(Kind::Environment, message)
        })?;
        tokio::spawn(interrupts.clone().relay(signals, printer));
        Ok(interrupts)
    }

    async fn relay(self, mut signals: Signals, printer: Printer) {
        signals.next().await;
        printer.note("Stopping; the work is kept. Once more, and the agents are killed.");
        self.soft.cancel();
        signals.next().await;
        printer.note("Killing the agents.");
        self.hard.cancel();
        // Further ones must not end the process before it has cleaned up.
        loop {
            signals.next().await;
        }
    }
}

struct Signals([Signal; 3]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
