//! The format of an exported chain: JSON Lines that can be verified without the database.
//!
//! The first line is an [`ExportHeader`], the last line an [`ExportTrailer`], and each line between
//! them an [`ExportedRow`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::canonical;
use super::chain::{AuditHash, ChainHead};
use super::verify::{ChainFault, ChainFaultKind, ChainRow, ChainVerifier};
use crate::ids::ProjectId;

/// The value of [`ExportHeader::format`].
pub const FORMAT: &str = "eklavya-audit";
/// The version of this format.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportHeader {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    pub chain: Uuid,
    /// The project of the chain; `None` for the installation's chain.
    pub project: Option<ExportedProject>,
    /// The installation that exported it: the id of its own chain.
    pub installation: Uuid,
    pub head: ChainHead,
    pub exported_at: Timestamp,
}

/// A project in an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedProject {
    /// Its id, which is the id of its chain.
    pub id: ProjectId,
    pub slug: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedRow {
    pub id: i64,
    pub position: i64,
    /// The hash of the previous row.
    pub previous_hash: String,
    pub hash: String,
    /// Its canonical text, over which the hash is computed.
    pub canonical: String,
}

/// The last line: a file without it is truncated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportTrailer {
    pub rows: i64,
    /// The hash of the newest.
    pub hash: AuditHash,
}

/// Why a file is not a readable export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExport {
    #[error("the first line is not the header of an exported audit trail: {0}")]
    Header(String),
    #[error("the file has format version {0}; this program reads version {VERSION}")]
    Version(u64),
    #[error("line {line} is neither a row nor the end of the trail: {reason}")]
    Line {
        /// Which, from 1.
        line: u64,
        reason: String,
    },
}

/// Verifies an exported file, line by line.
#[derive(Debug)]
pub struct ExportVerifier {
    header: ExportHeader,
    verifier: ChainVerifier,
    rows: i64,
    trailer: Option<ExportTrailer>,
}

impl ExportVerifier {
    /// Starts with the first line.
    pub fn new(header: &str) -> Result<Self, InvalidExport> {
        let wrong = |reason: serde_json::Error| InvalidExport::Header(reason.to_string());
        let value: Value = serde_json::from_str(header).map_err(wrong)?;
        if value["format"] != FORMAT {
            let reason = format!("its format is not {FORMAT}");
            return Err(InvalidExport::Header(reason));
        }
        match value["version"].as_u64() {
            Some(version) if version == u64::from(VERSION) => {}
            version => return Err(InvalidExport::Version(version.unwrap_or_default())),
        }
        let header: ExportHeader = serde_json::from_value(value).map_err(wrong)?;
        Ok(Self {
            verifier: ChainVerifier::new(header.chain),
            header,
            rows: 0,
            trailer: None,
        })
    }

    pub fn header(&self) -> &ExportHeader {
        &self.header
    }

    /// Returns the number of rows so far.
    pub fn row_count(&self) -> i64 {
        self.rows
    }

    /// Checks the next line.
    pub fn verify_line(&mut self, text: &str) -> Result<(), InvalidExport> {
        let wrong = |reason: String| InvalidExport::Line {
            line: self.rows.unsigned_abs() + 2,
            reason,
        };
        if self.trailer.is_some() {
            return Err(wrong("it follows the last line".to_owned()));
        }
        let unreadable = |error: serde_json::Error| wrong(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(unreadable)?;
        if value.get("rows").is_some() {
            self.trailer = Some(serde_json::from_value(value).map_err(unreadable)?);
            return Ok(());
        }
        let line: ExportedRow = serde_json::from_value(value).map_err(unreadable)?;
        self.rows += 1;
        let says = self.check_canonical_text(&line);
        let found = ChainRow {
            id: line.id,
            position: line.position,
            previous: &line.previous_hash,
            hash: &line.hash,
        };
        let canonical = says.map(|()| line.canonical.as_str());
        self.verifier.verify_row(found, canonical);
        Ok(())
    }

    /// Checks that the hashed text agrees with the line that contains it.
    fn check_canonical_text(&self, line: &ExportedRow) -> Result<(), &'static str> {
        const OTHER: &str = "its canonical text belongs to another position";
        const FORM: &str = "its text is not in the canonical form";
        let row: Value = serde_json::from_str(&line.canonical).map_err(|_| FORM)?;
        if canonical::to_text(&row) != line.canonical {
            return Err(FORM);
        }
        let place = json!([self.header.chain, line.position, line.previous_hash]);
        let said = json!([row["chain"], row["position"], row["previous"]]);
        if said == place { Ok(()) } else { Err(OTHER) }
    }

    /// Ends at the end of the file, and returns the newest row or the fault.
    pub fn finish(self) -> Result<ChainHead, ChainFault> {
        let last = self.verifier.finish(Some(self.header.head))?;
        let (position, kind) = (last.position + 1, ChainFaultKind::Truncated);
        let fault = |message: &str| {
            Err(ChainFault {
                position,
                id: None,
                kind,
                message: message.to_owned(),
            })
        };
        match self.trailer {
            None => fault("the file is truncated: its last line is missing"),
            Some(end) if end.rows != last.position || end.hash != last.hash => {
                fault("the last line does not match the rows")
            }
            Some(_) => Ok(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::RowContent;

    const CHAIN: Uuid = Uuid::from_u128(3);

    fn export(rows: i64) -> Vec<String> {
        let mut head = ChainHead::of_empty(CHAIN);
        let mut lines = vec![String::new()];
        for number in 1..=rows {
            let content = RowContent {
                at: Timestamp::from_second(number).unwrap(),
                project: Some(ProjectId(CHAIN)),
                agent: None,
                actor: "system".to_owned(),
                action: "x.y".to_owned(),
                details: json!({ "number": number, "text": "\u{1b}é" }),
            };
            let next = head.next(&content);
            let previous_hash = head.hash.to_string();
            let line = ExportedRow {
                id: number + 10,
                position: number,
                canonical: content.canonical(CHAIN, number, &previous_hash),
                previous_hash,
                hash: next.hash.to_string(),
            };
            lines.push(serde_json::to_string(&line).unwrap());
            head = next;
        }
        let header = ExportHeader {
            format: FORMAT.to_owned(),
            version: VERSION,
            chain: CHAIN,
            project: None,
            installation: Uuid::from_u128(1),
            head,
            exported_at: Timestamp::UNIX_EPOCH,
        };
        lines[0] = serde_json::to_string(&header).unwrap();
        let hash = head.hash;
        lines.push(serde_json::to_string(&ExportTrailer { rows, hash }).unwrap());
        lines
    }

    fn verify(lines: &[String]) -> Result<Result<ChainHead, ChainFault>, InvalidExport> {
        let mut verifier = ExportVerifier::new(&lines[0])?;
        for line in &lines[1..] {
            verifier.verify_line(line)?;
        }
        Ok(verifier.finish())
    }

    #[test]
    fn an_export_verifies_by_itself() {
        for rows in [0, 1, 4] {
            assert_eq!(verify(&export(rows)).unwrap().unwrap().position, rows);
        }
    }

    #[test]
    fn tampering_with_an_export_is_found() {
        let fault = |lines: &[String]| {
            let fault = verify(lines).unwrap().unwrap_err();
            (fault.kind, fault.position)
        };
        let mut lines = export(4);
        lines[2] = lines[2].replace("x.y", "x.z");
        assert_eq!(fault(&lines), (ChainFaultKind::Hash, 2));
        let mut lines = export(4);
        lines.remove(2);
        assert_eq!(fault(&lines), (ChainFaultKind::Gap, 2));
        let mut lines = export(4);
        lines.swap(2, 3);
        assert_eq!(fault(&lines), (ChainFaultKind::Gap, 2));
        let mut lines = export(4);
        lines.pop();
        assert_eq!(fault(&lines), (ChainFaultKind::Truncated, 5));
        let mut lines = export(4);
        lines.drain(3..);
        assert_eq!(fault(&lines), (ChainFaultKind::Truncated, 3));
        let mut lines = export(4);
        lines[1] = lines[1].replace("\"position\":1,\"prev", "\"position\":2,\"prev");
        assert_eq!(fault(&lines), (ChainFaultKind::Gap, 1));
        let mut lines = export(4);
        lines[1] = lines[1].replace("{\\\"action", "{ \\\"action");
        assert_eq!(fault(&lines), (ChainFaultKind::Unreadable, 1));
    }

    #[test]
    fn malformed_exports_are_refused() {
        for wrong in [
            "",
            "{}",
            "[1]",
            "{\"format\":\"eklavya-audit\",\"version\":2}",
        ] {
            assert!(ExportVerifier::new(wrong).is_err(), "{wrong}");
        }
        let mut lines = export(2);
        lines[1] = "{\"id\":1}".to_owned();
        assert!(matches!(
            verify(&lines),
            Err(InvalidExport::Line { line: 2, .. })
        ));
        let mut lines = export(2);
        lines.push(lines[1].clone());
        assert!(matches!(
            verify(&lines),
            Err(InvalidExport::Line { line: 4, .. })
        ));
    }
}
