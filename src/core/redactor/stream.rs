//! Hiding secrets in what comes in pieces: one that is cut in two is still one.

use std::sync::Arc;

use super::{HIDDEN, KnownSecrets};

/// Hides the known secrets in a stream of bytes.
pub struct StreamRedactor {
    known: Arc<KnownSecrets>,
    /// The end of what came so far, where it may be the beginning of a secret.
    held: Vec<u8>,
}

impl std::fmt::Debug for StreamRedactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedactedStream({} secrets)", self.known.values.len())
    }
}

impl StreamRedactor {
    pub(crate) fn new(known: Arc<KnownSecrets>) -> Self {
        Self {
            known,
            held: Vec::new(),
        }
    }

    /// Takes the next bytes, and returns what is known to be safe by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let until = self.find_partial_match();
        self.release(until)
    }

    /// Returns what was held back; the stream is at its end.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    /// Releases what begins before `until`.
    fn release(&mut self, until: usize) -> Vec<u8> {
        let Some(searcher) = &self.known.searcher else {
            return std::mem::take(&mut self.held);
        };
        let (mut safe, mut at) = (Vec::with_capacity(until), 0);
        for found in searcher.find_iter(&self.held) {
            // What begins later may go on, and be another one.
            if found.start() >= until {
                break;
            }
            safe.extend_from_slice(&self.held[at..found.start()]);
            safe.extend_from_slice(HIDDEN.as_bytes());
            at = found.end();
        }
        if at < until {
            safe.extend_from_slice(&self.held[at..until]);
            at = until;
        }
        self.held.drain(..at);
        safe
    }

    /// Returns where the longest end of what is held begins that a secret begins with.
    fn find_partial_match(&self) -> usize {
        let length = self.held.len();
        let earliest = (length + 1).saturating_sub(self.known.longest);
        let begins_one = |end: &[u8]| {
            let mut longer = self
                .known
                .forms
                .iter()
                .filter(|form| form.len() > end.len());
            longer.any(|form| form.starts_with(end))
        };
        (earliest..length)
            .find(|at| begins_one(&self.held[*at..]))
            .unwrap_or(length)
    }
}
