//! The key file: one line with the format and the installation's id, then one key per line.
//!
//! It has one key, except during a key rotation and after one that was interrupted: then the newest
//! key comes first. Sealing uses the first key, opening the key with the recorded id.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::SecretError;
use super::seal::{KEY_BYTES, SealingKey};

const FORMAT: &str = "eklavya-secret-key-1";
/// Larger than any key file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The keys of a file; at least one.
#[derive(Debug)]
pub(super) struct KeyRing {
    first: SealingKey,
    others: Vec<SealingKey>,
}

impl KeyRing {
    /// Returns the key for sealing.
    pub(super) fn first(&self) -> &SealingKey {
        &self.first
    }

    /// Returns the key with this id.
    pub(super) fn find(&self, id: &str) -> Option<&SealingKey> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .find(|key| key.id() == id)
    }

    /// Seals with `key` from now on.
    pub(super) fn put_first(&mut self, key: SealingKey) {
        let before = std::mem::replace(&mut self.first, key);
        self.others.insert(0, before);
    }

    /// Removes all keys but the first.
    pub(super) fn drop_old_keys(&mut self) {
        self.others.clear();
    }

    fn text(&self, installation: Uuid) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{FORMAT} {installation}\n"));
        for key in std::iter::once(&self.first).chain(&self.others) {
            text.push_str(&key.text());
            text.push('\n');
        }
        text
    }
}

/// Returns the keys in the file; `None` if it does not exist.
pub(super) fn load(path: &Path, installation: Uuid) -> Result<Option<KeyRing>, SecretError> {
    let bad = |problem| SecretError::KeyFile {
        path: path.to_owned(),
        problem,
    };
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
        return Err(bad("it is not a key file"));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(bad("users other than its owner have access"));
    }
    let text = fs::read(path).map_err(io_error("read", path))?;
    let text = Zeroizing::new(text);
    let text = std::str::from_utf8(&text).map_err(|_| bad("it is not text"))?;
    parse_ring(text, installation).map(Some).map_err(bad)
}

/// Returns the keys, or what is wrong with the file.
fn parse_ring(text: &str, installation: Uuid) -> Result<KeyRing, &'static str> {
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let Some(owner) = head.strip_prefix(FORMAT) else {
        return Err("its first line does not have the format");
    };
    if owner.trim() != installation.to_string() {
        return Err("it belongs to another installation");
    }
    let keys: Option<Vec<SealingKey>> = lines.map(|line| parse_key(line.trim())).collect();
    let mut keys = keys.ok_or("a line is not a key")?;
    if keys.is_empty() {
        return Err("it has no key");
    }
    Ok(KeyRing {
        first: keys.remove(0),
        others: keys,
    })
}

fn parse_key(line: &str) -> Option<SealingKey> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if line.len() != 2 * KEY_BYTES || !line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&line[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(SealingKey::from_bytes(bytes))
}

/// Creates the file with one key. If another process was faster, returns the keys of its file.
pub(super) fn create(
    path: &Path,
    installation: Uuid,
    key: SealingKey,
) -> Result<KeyRing, SecretError> {
    let ring = KeyRing {
        first: key,
        others: Vec::new(),
    };
    let file = write_temporary(path, &ring.text(installation))?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            sync_directory(path)?;
            Ok(ring)
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            load(path, installation)?.ok_or_else(|| SecretError::NoKey {
                path: path.to_owned(),
            })
        }
        Err(error) => Err(io_error("make", path)(error.error)),
    }
}

/// Replaces the keys in the file atomically and durably.
pub(super) fn replace(path: &Path, installation: Uuid, ring: &KeyRing) -> Result<(), SecretError> {
    // A symbolic link stays one: the key may be on another disk.
    let path = &fs::canonicalize(path).map_err(io_error("write", path))?;
    let file = write_temporary(path, &ring.text(installation))?;
    file.persist(path)
        .map_err(|error| io_error("write", path)(error.error))?;
    sync_directory(path)
}

/// Returns a file next to `path`, with mode 0600, that contains `text`.
fn write_temporary(path: &Path, text: &str) -> Result<tempfile::NamedTempFile, SecretError> {
    let make = || -> io::Result<_> {
        let mut file = tempfile::NamedTempFile::new_in(directory(path))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    make().map_err(io_error("make", path))
}

fn sync_directory(path: &Path) -> Result<(), SecretError> {
    File::open(directory(path))
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("write", path))
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    move |source| SecretError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
