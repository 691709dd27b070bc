//! Signals: the first one stops the work gracefully, the second one kills the agents.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{CommandError, CommandErrorKind};
use crate::output::OutputPrinter;

#[derive(Debug, Clone)]
pub struct InterruptTokens {
    /// Cancelled by the first signal: interrupt the agents, keep their work, return.
    pub soft: CancellationToken,
    /// Cancelled by the second signal: kill the agents.
    pub hard: CancellationToken,
}

impl InterruptTokens {
    /// Handles SIGINT, SIGTERM and SIGHUP (the terminal was closed) from now on, and prints `words` at
    /// each. Must be called within the runtime.
    pub fn listen(printer: OutputPrinter, words: InterruptMessages) -> Result<Self, CommandError> {
        let interrupts = Self {
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
        };
        let signals = TerminationSignals::new().map_err(|error| {
            let message = format!("cannot handle signals: {error}");
            CommandError::new(CommandErrorKind::Environment, message)
        })?;
        tokio::spawn(interrupts.clone().forward_signals(signals, printer, words));
        Ok(interrupts)
    }

    async fn forward_signals(
        self,
        mut signals: TerminationSignals,
        printer: OutputPrinter,
        words: InterruptMessages,
    ) {
        signals.next().await;
        printer.note(words.first);
        self.soft.cancel();
        signals.next().await;
        printer.note(words.second);
        self.hard.cancel();
        // More signals must not end the process before it has cleaned up.
        loop {
            signals.next().await;
        }
    }
}

/// The messages at the signals.
#[derive(Debug, Clone, Copy)]
pub struct InterruptMessages {
    /// At the first signal.
    pub first: &'static str,
    /// At the second signal.
    pub second: &'static str,
}

/// The messages of a command in the foreground.
pub const FOREGROUND: InterruptMessages = InterruptMessages {
    first: "Stopping; the work is kept. Interrupt again to kill the agents.",
    second: "Killing the agents.",
};

struct TerminationSignals([Signal; 3]);

impl TerminationSignals {
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
