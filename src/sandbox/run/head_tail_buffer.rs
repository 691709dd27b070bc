//! Keeping the beginning and the end of an output of any length.

use std::collections::VecDeque;

use eklavya_core::redactor::{Redactor, StreamRedactor};

/// The first and the last bytes of a stream, without secrets. Secrets are replaced before anything is
/// dropped, because half a secret cannot be recognized.
#[derive(Debug)]
pub(crate) struct HeadTailBuffer {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// The size of each part, in bytes.
    half: usize,
    total: usize,
    stream: StreamRedactor,
}

impl HeadTailBuffer {
    /// Returns an empty buffer that keeps at most `limit` bytes and hides the secrets of `redactor`.
    pub(crate) fn new(limit: usize, redactor: &Redactor) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            half: limit / 2,
            total: 0,
            stream: redactor.stream(),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let safe = self.stream.push(bytes);
        self.append(&safe);
    }

    /// Ends the stream: appends the bytes that the redactor withheld.
    pub(crate) fn finish(&mut self) {
        let rest = self.stream.finish();
        self.append(&rest);
    }

    fn append(&mut self, bytes: &[u8]) {
        self.total += bytes.len();
        let room = (self.half - self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let overflow = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..overflow);
        self.tail.extend(rest);
    }

    /// Whether bytes were dropped.
    pub(crate) fn is_truncated(&self) -> bool {
        self.total > self.head.len() + self.tail.len()
    }

    /// Returns the kept text, with a line in the middle that states how many bytes are missing. Invalid
    /// UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let missing = self.total - self.head.len() - tail.len();
        if missing == 0 {
            let whole = [self.head.as_slice(), &tail].concat();
            return String::from_utf8_lossy(&whole).into_owned();
        }
        format!(
            "{}\n[... {missing} bytes left out ...]\n{}",
            String::from_utf8_lossy(&self.head),
            String::from_utf8_lossy(&tail)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(limit: usize, chunks: &[&str]) -> (String, bool) {
        let redactor = Redactor::new(["hunter2".into()]);
        let mut output = HeadTailBuffer::new(limit, &redactor);
        for chunk in chunks {
            output.push(chunk.as_bytes());
        }
        output.finish();
        (output.text(), output.is_truncated())
    }

    #[test]
    fn output_within_the_limit_is_kept_whole() {
        assert_eq!(
            kept(8, &["abc", "de", "fgh"]),
            ("abcdefgh".to_owned(), false)
        );
        assert_eq!(kept(8, &[]), (String::new(), false));
    }

    #[test]
    fn the_middle_of_long_output_is_dropped_in_chunks_of_any_size() {
        let expected = ("abc\n[... 4 bytes left out ...]\nhij".to_owned(), true);
        assert_eq!(kept(6, &["abcdefghij"]), expected);
        assert_eq!(kept(6, &["a", "bcdefgh", "i", "j"]), expected);
        assert_eq!(kept(6, &["abcd", "efgh", "ij"]), expected);
    }

    #[test]
    fn a_secret_is_redacted_before_the_middle_is_dropped() {
        let (text, _) = kept(12, &["abchun", "ter2", &"x".repeat(40), "hunt", "er2"]);
        assert_eq!(text, "abc[se\n[... 47 bytes left out ...]\necret]");
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        assert!(kept(0, &["abc"]).1);
    }

    #[test]
    fn output_may_be_cut_within_a_character() {
        let (text, _) = kept(2, &["ä", "ö", "ü"]);
        assert!(text.contains("bytes left out"));
    }
}
