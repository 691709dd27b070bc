//! Reads a transcript that is still being written.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::TranscriptRecord;

/// How much is read at once, in bytes.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// Reads a transcript record by record, from its start to its current end, and later additions.
#[derive(Debug)]
pub struct TranscriptTail {
    file: File,
    partial: Vec<u8>,
}

impl TranscriptTail {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            partial: Vec::new(),
        })
    }

    /// Returns the complete records that were appended since the last call, at most about one
    /// mebibyte of them; empty if there are none yet.
    ///
    /// An incomplete last line is kept for the next call. A line that is not a record (a partial
    /// line after a power failure) is skipped.
    pub fn read_new(&mut self) -> io::Result<Vec<TranscriptRecord>> {
        loop {
            let before = self.partial.len();
            (&mut self.file)
                .take(CHUNK_BYTES)
                .read_to_end(&mut self.partial)?;
            let at_end = self.partial.len() == before;
            let records = self.take_records();
            if at_end || !records.is_empty() {
                return Ok(records);
            }
        }
    }

    fn take_records(&mut self) -> Vec<TranscriptRecord> {
        let Some(last) = self.partial.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.partial.split_off(last + 1);
        let complete = std::mem::replace(&mut self.partial, rest);
        complete
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    const FIRST: &str = r#"{"at":"2026-01-02T03:04:05Z","direction":"out","line":"first"}"#;
    const SECOND: &str = r#"{"at":"2026-01-02T03:04:06Z","direction":"err","line":"second"}"#;

    fn lines(records: &[TranscriptRecord]) -> Vec<&str> {
        records.iter().map(|record| record.line.as_str()).collect()
    }

    #[test]
    fn waits_for_the_rest_of_a_half_written_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        let (head, tail) = SECOND.split_at(20);
        write!(file, "{FIRST}\n{head}").unwrap();
        let mut follower = TranscriptTail::open(&path).unwrap();
        assert_eq!(lines(&follower.read_new().unwrap()), ["first"]);
        assert_eq!(follower.read_new().unwrap(), []);
        writeln!(file, "{tail}").unwrap();
        assert_eq!(lines(&follower.read_new().unwrap()), ["second"]);
    }

    #[test]
    fn skips_lines_that_are_not_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, format!("{{\"at\":\n\n\u{0}\n{FIRST}\n")).unwrap();
        let mut follower = TranscriptTail::open(&path).unwrap();
        assert_eq!(lines(&follower.read_new().unwrap()), ["first"]);
    }

    #[test]
    fn reads_a_record_that_is_longer_than_one_chunk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let long = "x".repeat(3 * 1024 * 1024);
        std::fs::write(&path, format!("{}\n", FIRST.replace("first", &long))).unwrap();
        let mut follower = TranscriptTail::open(&path).unwrap();
        assert_eq!(follower.read_new().unwrap()[0].line.len(), long.len());
    }
}
