//! A bundle as a file: parses its untrusted header.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::GitError;
use crate::work_tree::snapshot::ExcludedPath;
use eklavya_core::ids::commit::CommitId;

const HEADER_BYTES: u64 = 64 * 1024;

/// Why a history is not imported.
#[derive(Debug)]
pub(crate) enum ImportRefusal {
    /// The bundle is invalid.
    Discard(String),
    /// The tip has excluded content in these files.
    Withhold(Vec<ExcludedPath>),
    /// A failure on this side.
    Failed(GitError),
}

impl From<GitError> for ImportRefusal {
    fn from(why: GitError) -> Self {
        Self::Failed(why)
    }
}

/// A bundle whose header has been parsed; `file` is positioned at the pack.
#[derive(Debug)]
pub(crate) struct BundleFile {
    pub(crate) tip: CommitId,
    pub(crate) file: File,
}

/// The header is not one that git writes.
#[derive(Debug, PartialEq)]
struct MalformedHeader;

impl BundleFile {
    /// Parses the header; `None` if the bundle is empty.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Option<Self>, ImportRefusal> {
        let mut file = open_regular_file(path, limit)?;
        let mut head = Vec::new();
        let mut start = Read::by_ref(&mut file).take(HEADER_BYTES);
        start
            .read_to_end(&mut head)
            .map_err(GitError::io("read", path))?;
        if head.is_empty() {
            return Ok(None);
        }
        let unusable =
            || ImportRefusal::Discard("it is not a bundle that git wrote to its end".into());
        let end = head
            .windows(2)
            .position(|two| two == b"\n\n")
            .ok_or_else(unusable)?;
        let Some(tip) = parse_header(&head[..end]).map_err(|MalformedHeader| unusable())? else {
            return Ok(None);
        };
        let pack = SeekFrom::Start(end as u64 + 2);
        file.seek(pack).map_err(GitError::io("read", path))?;
        Ok(Some(Self { tip, file }))
    }
}

fn open_regular_file(path: &Path, limit: u64) -> Result<fs::File, ImportRefusal> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(GitError::io("open the bundle", path))?;
    let facts = file.metadata().map_err(GitError::io("look at", path))?;
    if !facts.is_file() {
        return Err(ImportRefusal::Discard("it is not a regular file".into()));
    }
    let bytes = facts.len();
    if bytes > limit {
        let reason = format!("it has {bytes} bytes, more than the limit of {limit}");
        return Err(ImportRefusal::Discard(reason));
    }
    Ok(file)
}

/// Returns the tip that the header of a bundle names. Supports version 2, and version 3 without a
/// filter (gitformat-bundle(5)).
fn parse_header(header: &[u8]) -> Result<Option<CommitId>, MalformedHeader> {
    let mut lines = header.split(|byte| *byte == b'\n');
    if !matches!(
        lines.next().unwrap_or_default(),
        b"# v2 git bundle" | b"# v3 git bundle"
    ) {
        return Err(MalformedHeader);
    }
    let mut tip = None;
    for line in lines.filter(|line| !line.is_empty()) {
        match line {
            [b'-', ..] => {}
            [b'@', capability @ ..] if capability.starts_with(b"object-format=") => {}
            [b'@', ..] => return Err(MalformedHeader),
            _ => {
                let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
                let id = String::from_utf8_lossy(name)
                    .parse()
                    .map_err(|_| MalformedHeader)?;
                // One reference was requested; further ones that an agent adds are ignored.
                tip = tip.or(Some(id));
            }
        }
    }
    Ok(tip)
}

#[cfg(test)]
mod tests {
    use super::{MalformedHeader, parse_header};

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
    fn other_headers_are_malformed() {
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
                Err(MalformedHeader),
                "{header:?}"
            );
        }
    }
}
