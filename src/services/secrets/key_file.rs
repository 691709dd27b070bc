//! The file of the key: one line that names the format and the installation, then one key a line.
//!
//! There is one key, but while it is being changed, and after a change that broke off: then the newest
//! comes first. Whoever seals takes the first, whoever opens takes the one that is named.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::SecretError;
use super::seal::{KEY_BYTES, SealingKey};

const FORMAT: &str = "eklavya-secret-key-1";
/// No file of keys is as long, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The keys of a file; there is always one.
#[derive(Debug)]
pub(super) struct KeyRing {
    first: SealingKey,
    others: Vec<SealingKey>,
}

impl KeyRing {
    /// Returns the key to seal with.
    pub(super) fn first(&self) -> &SealingKey {
        &self.first
    }

    /// Returns the key with this name.
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

    /// Forgets all keys but the first.
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

/// Returns the keys in the file; nothing where there is no file.
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
        return Err(bad("it is no file of keys"));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(bad("others than its owner may use it"));
    }
    let text = fs::read(path).map_err(io_error("read", path))?;
    let text = Zeroizing::new(text);
    let text = std::str::from_utf8(&text).map_err(|_| bad("it is no text"))?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let Some(owner) = head.strip_prefix(FORMAT) else {
        return Err(bad("its first line does not name its format"));
    };
    if owner.trim() != installation.to_string() {
        return Err(bad("it belongs to another installation"));
    }
    let keys: Option<Vec<SealingKey>> = lines.map(|line| parse_key(line.trim())).collect();
    let mut keys = keys.ok_or_else(|| bad("it holds a line that is no key"))?;
    if keys.is_empty() {
        return Err(bad("it holds no key"));
    }
    Ok(Some(KeyRing {
        first: keys.remove(0),
        others: keys,
    }))
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

/// Makes the file with one key, unless another process was faster: then the keys are that one's.
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

/// Puts these keys into the file, all or none, durably.
pub(super) fn replace(path: &Path, installation: Uuid, ring: &KeyRing) -> Result<(), SecretError> {
    // A link stays one: the key may be on a disk of its own.
    let path = &fs::canonicalize(path).map_err(io_error("write", path))?;
    let file = write_temporary(path, &ring.text(installation))?;
    file.persist(path)
        .map_err(|error| io_error("write", path)(error.error))?;
    sync_directory(path)
}

/// Returns a file beside `path`, with mode 0600, that holds `text`.
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
