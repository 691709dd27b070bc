//! The transcript file: one JSON object per line, appended as events occur.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use eklavya_core::clock::SharedClock;
use eklavya_core::redactor::Redactor;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptRecord {
    /// The time, UTC.
    pub at: Timestamp,
    /// The source of the line.
    pub direction: LineDirection,
    /// The line, without secrets; invalid UTF-8 is replaced.
    pub line: String,
}

/// The source of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineDirection {
    /// The CLI, on stdout.
    Out,
    /// The orchestrator, on the CLI's stdin.
    In,
    /// The CLI, on stderr.
    Err,
    /// The orchestrator, about the run.
    Note,
}

/// Appends to a transcript; shared by the pipe tasks of one run.
pub(crate) struct TranscriptWriter {
    file: Mutex<File>,
    clock: SharedClock,
    redactor: Redactor,
}

impl TranscriptWriter {
    /// Opens the transcript at `path` for appending, or creates it with mode 0600.
    pub(crate) fn open(path: &Path, clock: SharedClock, redactor: Redactor) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(path)?;
        if ends_mid_line(&mut file)? {
            file.write_all(b"\n")?;
        }
        Ok(Self {
            file: Mutex::new(file),
            clock,
            redactor,
        })
    }

    pub(crate) fn append(&self, direction: LineDirection, line: &str) -> io::Result<()> {
        let record = TranscriptRecord {
            at: self.clock.now(),
            direction,
            line: self.redactor.redact_line(line).into_owned(),
        };
        let mut text = serde_json::to_vec(&record)?;
        text.push(b'\n');
        // One write per line, so that a concurrent reader sees at most one partial line.
        self.file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&text)
    }
}

// A power failure may have left a partial line, which the next line must not be joined to.
fn ends_mid_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use super::*;
    use eklavya_core::clock::FixedClock;

    fn clock() -> SharedClock {
        Arc::new(FixedClock::new(
            "2026-01-02T03:04:05.000006Z".parse().unwrap(),
        ))
    }

    #[test]
    fn writes_one_object_per_line_into_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let writer = TranscriptWriter::open(&path, clock(), Redactor::default()).unwrap();
        writer
            .append(LineDirection::Out, "{\"type\":\"x\"}")
            .unwrap();
        writer.append(LineDirection::In, "two\nlines").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"at":"2026-01-02T03:04:05.000006Z","direction":"out","line":"{\"type\":\"x\"}"}
        {"at":"2026-01-02T03:04:05.000006Z","direction":"in","line":"two\nlines"}
        "#);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn appends_after_half_a_line_on_a_line_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        fs::write(&path, "{\"at\":\"20").unwrap();
        let writer = TranscriptWriter::open(&path, clock(), Redactor::default()).unwrap();
        writer.append(LineDirection::Note, "again").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "{\"at\":\"20");
        assert!(serde_json::from_str::<TranscriptRecord>(lines[1]).is_ok());
    }
}
