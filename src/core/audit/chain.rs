//! The hash chain: each row of the audit trail carries the hash of the previous row in its chain.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::canonical;
use crate::ids::{AgentId, ProjectId};

/// Hashed before a row's canonical text, so that the hash of another format or of other data is
/// never valid here.
const ROW: &str = "eklavya audit row 1\n";
/// Hashed with the chain's id in place of a row before the first.
const CHAIN: &str = "eklavya audit chain 1\n";

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// Returns the hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the previous hash of the first row of a chain.
    pub fn genesis(chain: Uuid) -> Self {
        Self::of(format!("{CHAIN}{chain}").as_bytes())
    }

    /// Returns the hash of a row from its canonical text.
    pub fn of_row(canonical: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(ROW);
        hasher.update(canonical);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::LowerHex(&self.0).fmt(f)
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an [`AuditHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 lower-case hexadecimal digits")]
pub struct InvalidAuditHash;

impl FromStr for AuditHash {
    type Err = InvalidAuditHash;

    fn from_str(text: &str) -> Result<Self, InvalidAuditHash> {
        let mut bytes = [0; 32];
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.bytes().all(is_digit) {
            return Err(InvalidAuditHash);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| InvalidAuditHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidAuditHash)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for AuditHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The newest row of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// The project's id, or the installation's id for its own chain.
    pub chain: Uuid,
    /// The row's position, from 1; 0 if the chain is empty.
    pub position: i64,
    /// The row's hash.
    pub hash: AuditHash,
}

impl ChainHead {
    /// Returns the head of a chain without rows.
    pub fn of_empty(chain: Uuid) -> Self {
        Self {
            chain,
            position: 0,
            hash: AuditHash::genesis(chain),
        }
    }

    /// Returns the head after a row with this content is added.
    pub fn next(&self, content: &RowContent) -> Self {
        let position = self.position + 1;
        let canonical = content.canonical(self.chain, position, &self.hash.to_string());
        Self {
            chain: self.chain,
            position,
            hash: AuditHash::of_row(&canonical),
        }
    }
}

/// The content of a row, without its position.
#[derive(Debug, Clone, PartialEq)]
pub struct RowContent {
    /// With microsecond precision.
    pub at: Timestamp,
    pub project: Option<ProjectId>,
    pub agent: Option<AgentId>,
    pub actor: String,
    pub action: String,
    pub details: Value,
}

impl RowContent {
    /// Returns the canonical text of the row with this content at `position` of `chain`.
    pub fn canonical(&self, chain: Uuid, position: i64, previous: &str) -> String {
        canonical::to_text(&json!({
            "action": self.action,
            "actor": self.actor,
            "agent": self.agent,
            "atMicros": self.at.as_microsecond(),
            "chain": chain,
            "details": self.details,
            "position": position,
            "previous": previous,
            "project": self.project,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> RowContent {
        RowContent {
            at: "2026-01-02T03:04:05.678901234Z".parse().unwrap(),
            project: Some(ProjectId(Uuid::from_u128(1))),
            agent: None,
            actor: "admin:ada".to_owned(),
            action: "plan.advance".to_owned(),
            details: json!({"to": "approved", "number": 1}),
        }
    }

    #[test]
    fn the_canonical_text_and_the_hashes_are_stable() {
        let chain = Uuid::from_u128(1);
        let genesis = AuditHash::genesis(chain).to_string();
        let canonical = content().canonical(chain, 1, &genesis);
        let expected = "{\"action\":\"plan.advance\",\"actor\":\"admin:ada\",\"agent\":null,\
            \"atMicros\":1767323045678901,\"chain\":\"00000000-0000-0000-0000-000000000001\",\
            \"details\":{\"number\":1,\"to\":\"approved\"},\"position\":1,\
            \"previous\":\"GENESIS\",\"project\":\"00000000-0000-0000-0000-000000000001\"}";
        assert_eq!(canonical, expected.replace("GENESIS", &genesis));
        // printf 'eklavya audit chain 1\n00000000-0000-0000-0000-000000000001' | sha256sum
        let by_sha256sum = "e60714d8e8ae9529688d9d49704240805a71485b13ff6d9cfcee0895073f052f";
        assert_eq!(genesis, by_sha256sum);
        let head = ChainHead::of_empty(chain).next(&content());
        let by_sha256sum = "4a3b6ef1ef853cff9f597c6a630119ed3efca00943195ffeb7e51fa34bd3db00";
        assert_eq!(head.hash.to_string(), by_sha256sum);
    }

    #[test]
    fn every_field_of_a_row_changes_its_hash() {
        let empty = ChainHead::of_empty(Uuid::from_u128(1));
        let same = empty.next(&content()).hash;
        assert_eq!(empty.next(&content()).hash, same);
        let changes: [fn(&mut RowContent); 6] = [
            |row| row.at = "2026-01-02T03:04:05.678902Z".parse().unwrap(),
            |row| row.project = None,
            |row| row.agent = Some(AgentId(Uuid::from_u128(9))),
            |row| row.actor.push('x'),
            |row| row.action.push('x'),
            |row| row.details = json!({"to": "approved", "number": 2}),
        ];
        for change in changes {
            let mut other = content();
            change(&mut other);
            assert_ne!(empty.next(&other).hash, same);
        }
        let elsewhere = ChainHead::of_empty(Uuid::from_u128(2));
        assert_ne!(elsewhere.next(&content()).hash, same);
        let later = empty.next(&content());
        assert_ne!(later.next(&content()).hash, same);
    }

    #[test]
    fn hashes_are_read_as_they_are_written() {
        let hash = AuditHash::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for wrong in ["", "ab", &"A".repeat(64), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<AuditHash>(), Err(InvalidAuditHash), "{wrong}");
        }
    }
}
