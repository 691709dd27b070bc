//! Verifies a chain row by row: finds rows that were changed, removed or added despite the
//! triggers.

use std::cmp::Ordering;

use serde::Serialize;
use uuid::Uuid;

use super::chain::{AuditHash, ChainHead};

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChainFaultKind {
    /// The row's hash does not match its content.
    Hash,
    /// The row does not link to the previous row.
    Link,
    /// Rows before it are missing.
    Gap,
    /// The newest rows are missing.
    Truncated,
    /// A surplus row.
    Extra,
    /// The newest row is not the one that the head names.
    Head,
    /// The row has content that this program never writes.
    Unreadable,
    /// The whole chain or its head is missing.
    Missing,
}

/// The first fault of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainFault {
    /// The position of the first broken or missing row.
    pub position: i64,
    /// The id of that row, if it exists.
    pub id: Option<i64>,
    pub kind: ChainFaultKind,
    /// The fault in words.
    pub message: String,
}

/// A row as stored, not yet verified.
#[derive(Debug, Clone, Copy)]
pub struct ChainRow<'a> {
    pub id: i64,
    pub position: i64,
    pub previous: &'a str,
    pub hash: &'a str,
}

/// Verifies one chain from its first row to its end.
#[derive(Debug, Clone)]
pub struct ChainVerifier {
    /// The newest valid row.
    last: ChainHead,
    fault: Option<ChainFault>,
}

impl ChainVerifier {
    /// Starts a chain.
    pub fn new(chain: Uuid) -> Self {
        Self {
            last: ChainHead::of_empty(chain),
            fault: None,
        }
    }

    /// Returns whether no fault was found so far. After the first fault, later rows are ignored.
    pub fn is_sound(&self) -> bool {
        self.fault.is_none()
    }

    /// Checks the next row, in the order of positions. `canonical` is its text, or the reason why
    /// it has none.
    pub fn verify_row(&mut self, found: ChainRow<'_>, canonical: Result<&str, &str>) {
        if self.fault.is_some() {
            return;
        }
        match self.check_row(found, canonical) {
            Ok(hash) => {
                self.last.position = found.position;
                self.last.hash = hash;
            }
            Err((kind, position, message)) => {
                self.fault = Some(ChainFault {
                    position,
                    id: Some(found.id),
                    kind,
                    message,
                });
            }
        }
    }

    fn check_row(
        &self,
        found: ChainRow<'_>,
        canonical: Result<&str, &str>,
    ) -> Result<AuditHash, (ChainFaultKind, i64, String)> {
        let here = found.position;
        let wrong = |kind, message| Err((kind, here, message));
        self.check_position(here)?;
        if found.previous != self.last.hash.to_string() {
            let message = match self.last.position {
                0 => "it is not the first row of this chain".to_owned(),
                before => format!("it does not link to row {before}: it has another previous hash"),
            };
            return wrong(ChainFaultKind::Link, message);
        }
        let canonical = match canonical {
            Ok(text) => text,
            Err(reason) => return wrong(ChainFaultKind::Unreadable, reason.to_owned()),
        };
        let hash = AuditHash::of_row(canonical);
        if found.hash != hash.to_string() {
            let message = format!(
                "the hash of its content is {hash}, but it has {}",
                found.hash
            );
            return wrong(ChainFaultKind::Hash, message);
        }
        Ok(hash)
    }

    fn check_position(&self, here: i64) -> Result<(), (ChainFaultKind, i64, String)> {
        let next = self.last.position + 1;
        match here.cmp(&next) {
            Ordering::Greater => {
                let missing = format!("rows {next} to {} are missing", here - 1);
                Err((ChainFaultKind::Gap, next, missing))
            }
            Ordering::Less => {
                let message = format!("position {here} has more than one row");
                Err((ChainFaultKind::Extra, here, message))
            }
            Ordering::Equal => Ok(()),
        }
    }

    /// Checks the chain against its stored head, and returns the newest row or the fault.
    pub fn finish(self, head: Option<ChainHead>) -> Result<ChainHead, ChainFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let last = self.last;
        let (position, kind, message) = match head {
            None => {
                let message = "the chain has no head".to_owned();
                (last.position.max(1), ChainFaultKind::Missing, message)
            }
            Some(head) if head.position > last.position => {
                let next = last.position + 1;
                let message = format!("the rows from {next} to {} are missing", head.position);
                (next, ChainFaultKind::Truncated, message)
            }
            Some(head) if head.position < last.position => {
                let end = head.position;
                let message = format!("the chain ends at row {end}; later rows are surplus");
                (end + 1, ChainFaultKind::Extra, message)
            }
            Some(head) if head.hash != last.hash => {
                let message = format!("the head has the hash of another row: {}", head.hash);
                (last.position, ChainFaultKind::Head, message)
            }
            Some(_) => return Ok(last),
        };
        Err(ChainFault {
            position,
            id: None,
            kind,
            message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::RowContent;
    use serde_json::json;

    const CHAIN: Uuid = Uuid::from_u128(7);

    #[derive(Clone)]
    struct TamperedRow {
        id: i64,
        position: i64,
        previous: String,
        hash: String,
        content: RowContent,
    }

    impl TamperedRow {
        fn canonical_text(&self) -> String {
            self.content.canonical(CHAIN, self.position, &self.previous)
        }

        fn rehash(&mut self) {
            self.hash = AuditHash::of_row(&self.canonical_text()).to_string();
        }
    }

    fn chain(length: i64) -> (Vec<TamperedRow>, ChainHead) {
        let mut head = ChainHead::of_empty(CHAIN);
        let mut rows = Vec::new();
        for number in 1..=length {
            let content = RowContent {
                at: jiff::Timestamp::from_second(number).unwrap(),
                project: None,
                agent: None,
                actor: "system".to_owned(),
                action: "x.y".to_owned(),
                details: json!({ "number": number }),
            };
            let next = head.next(&content);
            rows.push(TamperedRow {
                id: 100 + number,
                position: number,
                previous: head.hash.to_string(),
                hash: next.hash.to_string(),
                content,
            });
            head = next;
        }
        (rows, head)
    }

    fn verify(rows: &[TamperedRow], head: Option<ChainHead>) -> Result<ChainHead, ChainFault> {
        let mut verifier = ChainVerifier::new(CHAIN);
        for row in rows {
            let found = ChainRow {
                id: row.id,
                position: row.position,
                previous: &row.previous,
                hash: &row.hash,
            };
            verifier.verify_row(found, Ok(&row.canonical_text()));
        }
        verifier.finish(head)
    }

    #[test]
    fn an_unchanged_chain_of_any_length_is_sound() {
        for length in [0, 1, 5] {
            let (rows, head) = chain(length);
            assert_eq!(verify(&rows, Some(head)), Ok(head));
        }
    }

    #[test]
    fn every_change_is_found_at_the_first_broken_row() {
        type TamperFn = fn(&mut Vec<TamperedRow>);
        let breaks: [(TamperFn, ChainFaultKind, i64, Option<i64>); 10] = [
            (
                |rows| rows[2].content.details = json!({"number": 99}),
                ChainFaultKind::Hash,
                3,
                Some(103),
            ),
            (
                |rows| {
                    rows[2].content.actor.push('x');
                    rows[2].rehash();
                },
                ChainFaultKind::Link,
                4,
                Some(104),
            ),
            (
                |rows| {
                    rows[4].content.actor.push('x');
                    rows[4].rehash();
                },
                ChainFaultKind::Head,
                5,
                None,
            ),
            (
                |rows| {
                    rows.remove(1);
                },
                ChainFaultKind::Gap,
                2,
                Some(103),
            ),
            (
                |rows| {
                    rows.remove(0);
                },
                ChainFaultKind::Gap,
                1,
                Some(102),
            ),
            (|rows| rows.truncate(3), ChainFaultKind::Truncated, 4, None),
            (Vec::clear, ChainFaultKind::Truncated, 1, None),
            (
                |rows| {
                    let two = rows[1].clone();
                    rows[1].content = rows[2].content.clone();
                    rows[2].content = two.content;
                },
                ChainFaultKind::Hash,
                2,
                Some(102),
            ),
            (
                |rows| {
                    rows.swap(1, 2);
                    rows[1].position = 2;
                    rows[2].position = 3;
                },
                ChainFaultKind::Link,
                2,
                Some(103),
            ),
            (
                |rows| {
                    let mut more = rows[4].clone();
                    more.id = 200;
                    more.position = 6;
                    more.previous.clone_from(&rows[4].hash);
                    more.rehash();
                    rows.push(more);
                },
                ChainFaultKind::Extra,
                6,
                None,
            ),
        ];
        for (number, (change, kind, position, id)) in breaks.into_iter().enumerate() {
            let (mut rows, head) = chain(5);
            change(&mut rows);
            let fault = verify(&rows, Some(head)).unwrap_err();
            let expected = (kind, position, id);
            assert_eq!(
                (fault.kind, fault.position, fault.id),
                expected,
                "{number} {fault:?}"
            );
        }
    }

    #[test]
    fn a_repeated_row_and_a_chain_without_a_head_are_faults() {
        let (mut rows, head) = chain(3);
        rows.insert(2, rows[1].clone());
        let fault = verify(&rows, Some(head)).unwrap_err();
        assert_eq!((fault.kind, fault.position), (ChainFaultKind::Extra, 2));
        let (rows, _) = chain(3);
        assert_eq!(
            verify(&rows, None).unwrap_err().kind,
            ChainFaultKind::Missing
        );
        let (rows, head) = chain(3);
        let mut elsewhere = ChainVerifier::new(Uuid::from_u128(8));
        let found = ChainRow {
            id: 1,
            position: 1,
            previous: &rows[0].previous,
            hash: &rows[0].hash,
        };
        elsewhere.verify_row(found, Ok(&rows[0].canonical_text()));
        assert!(!elsewhere.is_sound());
        assert_eq!(
            elsewhere.finish(Some(head)).unwrap_err().kind,
            ChainFaultKind::Link
        );
    }
}
