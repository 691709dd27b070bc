//! Decodes server-sent events from a stream that arrives in arbitrary chunks.

/// A longer event is dropped; it could not be parsed anyway.
const MAX_EVENT_BYTES: usize = 64 * 1024 * 1024;

/// Splits a byte stream into the `data` of its events.
///
/// Line ends may be LF, CRLF or CR, per the standard
/// (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    line: Vec<u8>,
    data: Vec<u8>,
    after_cr: bool,
    overlong: bool,
}

impl SseDecoder {
    /// Takes the next chunk and passes the data of each event that it completes to `event`.
    pub fn feed(&mut self, piece: &[u8], mut event: impl FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match part.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (text, Some(*end)),
                _ => (part, None),
            };
            let second_half = text.is_empty() && end == Some(b'\n') && self.after_cr;
            self.after_cr = end == Some(b'\r');
            if second_half {
                continue;
            }
            self.push_text(text);
            if end.is_some() {
                self.finish_line(&mut event);
            }
        }
    }

    fn push_text(&mut self, text: &[u8]) {
        if self.line.len() + self.data.len() + text.len() > MAX_EVENT_BYTES {
            self.overlong = true;
            self.line.clear();
            self.data.clear();
        }
        if !self.overlong {
            self.line.extend_from_slice(text);
        }
    }

    fn finish_line(&mut self, event: &mut impl FnMut(&[u8])) {
        let blank = self.line.is_empty();
        if let Some(value) = self.line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data
                .extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }
        self.line.clear();
        if !blank {
            return;
        }
        if !self.data.is_empty() && !self.overlong {
            event(&self.data);
        }
        self.data.clear();
        self.overlong = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let (mut splitter, mut found) = (SseDecoder::default(), Vec::new());
        for piece in pieces {
            splitter.feed(piece, |data| {
                found.push(String::from_utf8_lossy(data).into_owned());
            });
        }
        found
    }

    #[test]
    fn events_end_at_blank_lines_of_every_kind() {
        let text = b"event: a\ndata: 1\n\ndata:2\r\n\r\n: note\ndata: 3\rdata: 4\r\rdata: cut";
        assert_eq!(events(&[text]), ["1", "2", "3\n4"]);
    }

    proptest! {
        #[test]
        fn the_ends_of_chunks_do_not_change_the_events(cuts in proptest::collection::vec(0_usize..70, 0..12)) {
            let text = b"event: a\ndata: 1\n\ndata: 22\r\n\r\ndata: 333\r\ndata: 4\r\n\r\ndata: \xc3\xa9\n\n";
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&pieces), events(&[text]));
        }
    }
}
