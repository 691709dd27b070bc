//! Which files of a work tree go into a commit.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use rustix::fs::FileType;

use super::commit::{Mode, Stream};
use super::error::VcsError;
use super::ignore::Rules;
use super::names::{Reason, is_environment_file, refused};
use super::snapshot::{LeftOut, SnapshotLimits};
use super::walk::{Seen, Tree, Visit};
use eklavya_core::domain::redactor::Redactor;

/// Rules beyond this are not read; the file is left out.
const RULES_BYTES: u64 = 256 * 1024;
const ALL_RULES_BYTES: u64 = 16 * 1024 * 1024;

/// A file that the parent has.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) mode: String,
    pub(crate) id: String,
}

/// The files that the parent has, by path.
pub(crate) type KnownFiles = BTreeMap<Vec<u8>, Known>;

/// A file to record.
#[derive(Debug)]
struct Entry {
    path: Vec<u8>,
    mode: Mode,
    bytes: u64,
}

/// A file in which a secret was found.
#[derive(Debug)]
pub(crate) struct Suspect(Entry);

impl Suspect {
    pub(crate) fn path(&self) -> &[u8] {
        &self.0.path
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    entries: Vec<Entry>,
    skipped: Vec<(Vec<u8>, Reason)>,
    pub(crate) rules: Vec<Rules>,
}

/// What goes into the commit.
#[derive(Debug)]
pub(crate) struct Selection {
    entries: Vec<Entry>,
    kept: Vec<(Vec<u8>, Known)>,
}

/// Walks the work tree.
pub(crate) fn look(root: &Path, limits: SnapshotLimits) -> Result<Found, VcsError> {
    let tree = Tree::open(root)?;
    let (mut found, mut count, mut deep) = (Found::default(), 0, Vec::new());
    tree.walk(
        |seen| {
            count += 1;
            if count > limits.entries {
                return Err(too_much(root, limits.entries, "files and directories"));
            }
            Ok(found.add(seen, limits))
        },
        |path, reason| deep.push((path, reason)),
    )?;
    found.skipped.append(&mut deep);
    found.entries.sort_by(|a, b| a.path.cmp(&b.path));
    found.skipped.sort_by(|a, b| a.0.cmp(&b.0));
    found.read_rules(&tree)?;
    Ok(found)
}

impl Found {
    fn add(&mut self, seen: &Seen<'_>, limits: SnapshotLimits) -> Visit {
        if seen.path == b".git" {
            return Visit::Pass;
        }
        let bytes = u64::try_from(seen.stat.st_size).unwrap_or(u64::MAX);
        let outcome = match (refused(seen.name), seen.kind()) {
            (Some(reason), _) => Err(reason),
            (None, FileType::Directory) => return Visit::Enter,
            (None, _) if is_environment_file(seen.name) => Err(Reason::EnvironmentFile),
            (None, FileType::Symlink) => Ok(Mode::Link),
            (None, FileType::RegularFile) if bytes > limits.file_bytes => Err(Reason::TooLarge {
                bytes,
                limit: limits.file_bytes,
            }),
            (None, FileType::RegularFile) if !seen.is_readable() => Err(Reason::Unreadable),
            (None, FileType::RegularFile) if seen.stat.st_mode & 0o100 != 0 => Ok(Mode::Executable),
            (None, FileType::RegularFile) => Ok(Mode::Plain),
            (None, _) => Err(Reason::SpecialFile),
        };
        let path = seen.path.to_vec();
        match outcome {
            Ok(mode) => self.entries.push(Entry { path, mode, bytes }),
            Err(reason) => self.skipped.push((path, reason)),
        }
        Visit::Pass
    }

    /// Reads the `.gitignore` files; as git does, those that are links are not followed.
    fn read_rules(&mut self, tree: &Tree) -> Result<(), VcsError> {
        let mut room = ALL_RULES_BYTES;
        for entry in std::mem::take(&mut self.entries) {
            let is_rules = entry.path.rsplit(|byte| *byte == b'/').next() == Some(b".gitignore");
            if is_rules && entry.mode != Mode::Link {
                let Some(text) = tree.read(&entry.path, RULES_BYTES.min(room))? else {
                    let reason = Reason::TooLarge {
                        bytes: entry.bytes,
                        limit: RULES_BYTES,
                    };
                    self.skipped.push((entry.path, reason));
                    continue;
                };
                room -= text.len() as u64;
                self.rules.push((entry.path.clone(), text));
            }
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Returns the path of everything that was found, for the rules to judge.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.entries.iter().map(|entry| entry.path.as_slice());
        entries.chain(self.skipped.iter().map(|(path, _)| path.as_slice()))
    }

    /// Parts what goes into the commit from what is left out of it.
    pub(crate) fn select(
        self,
        known: &KnownFiles,
        ignored: &HashSet<Vec<u8>>,
    ) -> (Selection, Vec<LeftOut>) {
        let mut selection = Selection {
            entries: self.entries,
            kept: Vec::new(),
        };
        selection
            .entries
            .retain(|entry| !ignored.contains(&entry.path) || known.contains_key(&entry.path));
        let mut left_out = Vec::new();
        for (path, reason) in self.skipped {
            let before = selection.kept.len();
            if reason.keeps_the_old() {
                selection.keep(&path, known);
            }
            if selection.kept.len() > before || !ignored.contains(&path) {
                let path = String::from_utf8_lossy(&path).into_owned();
                left_out.push(LeftOut { path, reason });
            }
        }
        (selection, left_out)
    }
}

impl Selection {
    /// Keeps what the parent has at and below `path`.
    fn keep(&mut self, path: &[u8], known: &KnownFiles) {
        let below = [path, b"/"].concat();
        let at_path = known.get_key_value(path);
        let range = known
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below));
        let fit = |path: &[u8]| {
            path.split(|b| *b == b'/')
                .all(|part| refused(part).is_none())
        };
        let files = at_path
            .into_iter()
            .chain(range)
            .filter(|(path, _)| fit(path));
        self.kept
            .extend(files.map(|(path, file)| (path.clone(), file.clone())));
    }

    /// Takes out what holds a secret, and returns it with its content.
    pub(crate) fn take_secrets(
        &mut self,
        root: &Path,
        limits: SnapshotLimits,
        redactor: &Redactor,
    ) -> Result<Vec<(Suspect, Vec<u8>)>, VcsError> {
        if redactor.is_empty() {
            return Ok(Vec::new());
        }
        let tree = Tree::open(root)?;
        let (mut clean, mut suspects) = (Vec::new(), Vec::new());
        for entry in std::mem::take(&mut self.entries) {
            let content = content_of(&tree, &entry, limits)?.unwrap_or_default();
            if redactor.finds(&entry.path) || redactor.finds(&content) {
                suspects.push((Suspect(entry), content));
            } else {
                clean.push(entry);
            }
        }
        self.entries = clean;
        Ok(suspects)
    }

    /// Keeps what the parent has in place of a suspect.
    pub(crate) fn keep_instead(&mut self, suspect: &Suspect, known: &KnownFiles) {
        self.keep(suspect.path(), known);
    }

    /// Refuses a selection above the limit.
    pub(crate) fn check(&self, root: &Path, limits: SnapshotLimits) -> Result<(), VcsError> {
        let total = self
            .entries
            .iter()
            .fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        if total > limits.total_bytes {
            return Err(too_much(root, limits.total_bytes, "bytes"));
        }
        Ok(())
    }

    /// Tells git the files.
    pub(crate) fn write(
        &self,
        root: &Path,
        limits: SnapshotLimits,
        stream: &mut Stream<'_>,
    ) -> Result<(), VcsError> {
        let tree = Tree::open(root)?;
        stream.clear()?;
        for (path, file) in &self.kept {
            stream.object(&file.mode, &file.id, path)?;
        }
        for entry in &self.entries {
            let content = content_of(&tree, entry, limits)?;
            let content = content.ok_or_else(|| VcsError::Changing {
                tree: root.to_owned(),
                path: String::from_utf8_lossy(&entry.path).into_owned(),
            })?;
            stream.file(entry.mode, &entry.path, &content)?;
        }
        Ok(())
    }
}

/// Returns what is to be recorded of a file; nothing where it is not what it was.
fn content_of(
    tree: &Tree,
    entry: &Entry,
    limits: SnapshotLimits,
) -> Result<Option<Vec<u8>>, VcsError> {
    match entry.mode {
        Mode::Link => Ok(tree.read_link(&entry.path)),
        Mode::Plain | Mode::Executable => tree.read(&entry.path, limits.file_bytes),
    }
}

fn too_much(root: &Path, limit: u64, unit: &'static str) -> VcsError {
    VcsError::TooMuchWork {
        path: root.to_owned(),
        limit,
        unit,
    }
}
