//! Hides secrets in a stream, even if a secret is split between two chunks.

use std::sync::Arc;

use super::{HIDDEN, KnownSecrets};

/// Hides the known secrets in a stream of bytes.
pub struct StreamRedactor {
    known: Arc<KnownSecrets>,
    /// The end of the input so far, which may be the beginning of a secret.
    held: Vec<u8>,
}

impl std::fmt::Debug for StreamRedactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamRedactor({} secrets)", self.known.values.len())
    }
}

impl StreamRedactor {
    pub(super) fn new(known: Arc<KnownSecrets>) -> Self {
        Self {
            known,
            held: Vec::new(),
        }
    }

    /// Takes the next bytes, and returns the bytes that are safe to release.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let until = self.find_partial_match();
        self.release(until)
    }

    /// Ends the stream, and returns the bytes that were held back.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    /// Releases the bytes before `until`.
    fn release(&mut self, until: usize) -> Vec<u8> {
        let Some(searcher) = &self.known.searcher else {
            return std::mem::take(&mut self.held);
        };
        let (mut safe, mut at) = (Vec::with_capacity(until), 0);
        for found in searcher.find_iter(&self.held) {
            // A match that begins later may still become a longer one.
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

    /// Returns the start of the longest suffix that is the beginning of a secret.
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
