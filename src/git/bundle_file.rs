//! A bundle as a file: its header, read with suspicion.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::error::VcsError;
use super::snapshot::LeftOut;
use eklavya_core::domain::commit::CommitId;

const HEADER_BYTES: u64 = 64 * 1024;

/// Why an import ends without history.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The bundle is at fault.
    Discard(String),
    /// The history holds what must not be kept, at its tip in these files.
    Withhold(Vec<LeftOut>),
    /// We are.
    Failed(VcsError),
}

impl From<VcsError> for Refusal {
    fn from(why: VcsError) -> Self {
        Self::Failed(why)
    }
}

/// A bundle whose header has been read; `file` stands at the pack.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) tip: CommitId,
    pub(crate) file: File,
}

/// The header is none that git writes.
#[derive(Debug, PartialEq)]
struct Malformed;

impl Bundle {
    /// Reads the header; `None` when the bundle holds nothing.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Option<Self>, Refusal> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
            .map_err(VcsError::io("open the bundle", path))?;
        let facts = file.metadata().map_err(VcsError::io("look at", path))?;
        if !facts.is_file() {
            return Err(Refusal::Discard("it is no plain file".into()));
        }
        if facts.len() > limit {
            let reason = format!(
                "it has {} bytes, more than the limit of {limit}",
                facts.len()
            );
            return Err(Refusal::Discard(reason));
        }
        let mut head = Vec::new();
        let mut start = Read::by_ref(&mut file).take(HEADER_BYTES);
        start
            .read_to_end(&mut head)
            .map_err(VcsError::io("read", path))?;
        if head.is_empty() {
            return Ok(None);
        }
        let unusable = || Refusal::Discard("it is not a bundle that git wrote to its end".into());
        let end = head
            .windows(2)
            .position(|two| two == b"\n\n")
            .ok_or_else(unusable)?;
        let Some(tip) = parse_header(&head[..end]).map_err(|Malformed| unusable())? else {
            return Ok(None);
        };
        let pack = SeekFrom::Start(end as u64 + 2);
        file.seek(pack).map_err(VcsError::io("read", path))?;
        Ok(Some(Self { tip, file }))
    }
}

/// Returns the tip that the header of a bundle names. Version 2 is understood, and version 3 without
/// a filter (gitformat-bundle(5)).
fn parse_header(header: &[u8]) -> Result<Option<CommitId>, Malformed> {
    let mut lines = header.split(|byte| *byte == b'\n');
    if !matches!(
        lines.next().unwrap_or_default(),
        b"# v2 git bundle" | b"# v3 git bundle"
    ) {
        return Err(Malformed);
    }
    let mut tip = None;
    for line in lines.filter(|line| !line.is_empty()) {
        match line {
            [b'-', ..] => {}
            [b'@', capability @ ..] if capability.starts_with(b"object-format=") => {}
            [b'@', ..] => return Err(Malformed),
            _ => {
                let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
                let id = String::from_utf8_lossy(name)
                    .parse()
                    .map_err(|_| Malformed)?;
                // One reference was asked for; what an agent adds to it is not looked at.
                tip = tip.or(Some(id));
            }
        }
    }
    Ok(tip)
}

#[cfg(test)]
mod tests {
    use super::{Malformed, parse_header};

    #[test]
    fn a_header_names_its_tip() {
        let id = "a".repeat(40);
        for version in ["# v2 git bundle", "# v3 git bundle\n@object-format=sha1"] {
            let header = format!("{version}\n-{id} why\n{id} HEAD\n{} x", "b".repeat(40));
            let tip = parse_header(header.as_bytes()).unwrap().unwrap();
            assert_eq!(tip.as_str(), id);
        }
        assert_eq!(parse_header(b"# v2 git bundle"), Ok(None));
    }

    #[test]
    fn anything_else_is_malformed() {
        let filtered = format!(
            "# v3 git bundle\n@filter=blob:none\n{} HEAD",
            "a".repeat(40)
        );
        for header in [
            "",
            "PACK",
            "# v9 git bundle",
            "# v2 git bundle\n--upload-pack=x HEAD\nx y",
            &filtered,
        ] {
            assert_eq!(
                parse_header(header.as_bytes()),
                Err(Malformed),
                "{header:?}"
            );
        }
    }
}
