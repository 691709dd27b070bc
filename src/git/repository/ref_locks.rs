//! Removes reference locks that a killed git left behind: git itself never removes them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{GitError, run_blocking};

/// How long a lock must be unchanged to count as stale. Git holds a reference lock for some
/// milliseconds.
const STALE_AFTER: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Identifies a lock, as opposed to a later one of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RefLock {
    path: PathBuf,
    inode: u64,
    changed: (i64, i64),
}

/// Removes the stale reference locks of the bare repository at `repository`. Returns without a wait
/// if there are no locks, which is the normal case.
pub(crate) async fn remove_stale_locks(repository: &Path) -> Result<(), GitError> {
    let mut stale = list_locks(repository).await?;
    for _ in 0..STALE_AFTER.as_millis() / POLL_INTERVAL.as_millis() {
        if stale.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        let now = list_locks(repository).await?;
        stale.retain(|lock| now.contains(lock));
    }
    run_blocking(move || {
        for lock in stale {
            tracing::warn!("removing the stale git lock {}", lock.path.display());
            match fs::remove_file(&lock.path) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    return Err(GitError::io("remove", &lock.path)(why));
                }
                _ => {}
            }
        }
        Ok(())
    })
    .await
}

async fn list_locks(repository: &Path) -> Result<Vec<RefLock>, GitError> {
    let root = repository.to_owned();
    run_blocking(move || {
        let mut found = Vec::new();
        for name in ["packed-refs.lock", "HEAD.lock"] {
            found.extend(read_lock(root.join(name)));
        }
        collect_locks(&root.join("refs"), &mut found)?;
        Ok(found)
    })
    .await
}

fn collect_locks(directory: &Path, found: &mut Vec<RefLock>) -> Result<(), GitError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Git removes directories that have become empty.
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(GitError::io("read", directory)(why)),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_locks(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            found.extend(read_lock(path));
        }
    }
    Ok(())
}

fn read_lock(path: PathBuf) -> Option<RefLock> {
    let metadata = fs::symlink_metadata(&path).ok()?;
    Some(RefLock {
        path,
        inode: metadata.ino(),
        changed: (metadata.mtime(), metadata.mtime_nsec()),
    })
}
