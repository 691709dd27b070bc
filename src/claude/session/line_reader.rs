//! Lines of bounded length from a pipe.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BoundedLine {
    /// The whole line. The last one may lack its line feed.
    Whole(Vec<u8>),
    /// The line exceeded the limit and was dropped; this is its length in bytes.
    Oversized(u64),
}

/// Reads lines, with at most one of them in memory.
pub(crate) struct LineReader<R> {
    reader: BufReader<R>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Returns a reader that drops lines of more than `limit` bytes.
    pub(crate) fn new(pipe: R, limit: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, pipe),
            limit,
        }
    }

    /// Returns the next line; `None` at the end.
    pub(crate) async fn next_line(&mut self) -> io::Result<Option<BoundedLine>> {
        let (mut kept, mut length) = (Vec::new(), 0_usize);
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok((length > 0).then(|| self.finish_line(kept, length)));
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            length = length.saturating_add(part.len());
            if length <= self.limit {
                kept.extend_from_slice(part);
            } else {
                kept = Vec::new();
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(self.finish_line(kept, length)));
            }
        }
    }

    fn finish_line(&self, kept: Vec<u8>, length: usize) -> BoundedLine {
        if length > self.limit {
            BoundedLine::Oversized(u64::try_from(length).unwrap_or(u64::MAX))
        } else {
            BoundedLine::Whole(kept)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(input: &[u8], limit: usize) -> Vec<BoundedLine> {
        let mut reader = LineReader::new(input, limit);
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().await.unwrap() {
            lines.push(line);
        }
        lines
    }

    fn whole(text: &str) -> BoundedLine {
        BoundedLine::Whole(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn splits_at_line_feeds_and_keeps_a_last_line_without_one() {
        assert_eq!(
            read(b"a\n\nbc", 10).await,
            [whole("a"), whole(""), whole("bc")]
        );
        assert_eq!(read(b"", 10).await, []);
    }

    #[tokio::test]
    async fn drops_a_line_over_the_limit_and_continues() {
        let long = [b"x".repeat(200_000), b"\nshort\n".to_vec()].concat();
        assert_eq!(
            read(&long, 5).await,
            [BoundedLine::Oversized(200_000), whole("short")]
        );
        assert_eq!(read(b"123456", 5).await, [BoundedLine::Oversized(6)]);
        assert_eq!(read(b"12345\n", 5).await, [whole("12345")]);
    }
}
