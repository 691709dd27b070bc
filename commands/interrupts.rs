//! Ctrl-C: the first one stops the work in good order, the second one at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{CommandError, CommandErrorKind};
use crate::output::OutputPrinter;

/// What the work listens to.
#[derive(Debug, Clone)]
pub struct InterruptTokens {
    /// Cancelled by the first signal: interrupt the agents, keep what they did, come back.
    pub soft: CancellationToken,
    /// Cancelled by the second: kill them.
    pub hard: CancellationToken,
}

impl InterruptTokens {
    /// Listens to SIGINT, SIGTERM and SIGHUP (the terminal was closed) from now on, and tells the
    /// person what they do. Must be called within the runtime.
    pub fn listen(printer: OutputPrinter, words: InterruptMessages) -> Result<Self, CommandError> {
        let interrupts = Self {
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
        };
        let signals = TerminationSignals::new().map_err(|error| {
            let message = format!("cannot listen to signals: {error}");
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
        // Further ones must not end the process before it has cleaned up.
        loop {
            signals.next().await;
        }
    }
}

/// What is said at the signals.
#[derive(Debug, Clone, Copy)]
pub struct InterruptMessages {
    /// At the first.
    pub first: &'static str,
    /// At the second.
    pub second: &'static str,
}

/// What a command says that works in the foreground.
pub const FOREGROUND: InterruptMessages = InterruptMessages {
    first: "Stopping; the work is kept. Once more, and the agents are killed.",
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
