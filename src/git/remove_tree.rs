//! Removes a tree that hostile programs may have made.
//!
//! `std::fs::remove_dir_all` recurses with one open directory per level, so a deep enough tree
//! exhausts file descriptors or the stack. Here every directory is first moved up to the root, so
//! the depth does not matter.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::fs::{chmodat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::error::{GitError, run_blocking};

/// Removes the directory `path` and its contents, following no links; a missing one counts as
/// removed. Permissions inside are changed if needed, if we own the tree.
pub async fn remove_tree(path: &Path) -> Result<(), GitError> {
    let path = path.to_owned();
    run_blocking(move || match remove_directory(&path) {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(why) => Err(GitError::io("remove", &path)(io::Error::from(why))),
    })
    .await
}

fn remove_directory(path: &Path) -> Result<(), Errno> {
    let root = openat(CWD, path, directory_flags(), Mode::empty())?;
    let mut moved = 0;
    loop {
        let names = entry_names(&root)?;
        if names.is_empty() {
            return unlinkat(CWD, path, AtFlags::REMOVEDIR);
        }
        for name in names {
            if is_directory(&root, &name)? {
                let directory = openat(&root, &name, directory_flags(), Mode::empty())?;
                empty_directory(&directory, &root, &mut moved)?;
                unlinkat(&root, &name, AtFlags::REMOVEDIR)?;
            } else {
                unlinkat(&root, &name, AtFlags::empty())?;
            }
        }
    }
}

/// Removes the files in `directory` and moves its directories up to `root`.
fn empty_directory(directory: &OwnedFd, root: &OwnedFd, moved: &mut u64) -> Result<(), Errno> {
    for name in entry_names(directory)? {
        if is_directory(directory, &name)? {
            move_up(directory, &name, root, moved)?;
        } else {
            unlinkat(directory, &name, AtFlags::empty())?;
        }
    }
    Ok(())
}

fn move_up(
    directory: &OwnedFd,
    name: &CString,
    root: &OwnedFd,
    moved: &mut u64,
) -> Result<(), Errno> {
    loop {
        *moved += 1;
        let to = format!(".removing-{moved}");
        match renameat(directory, name, root, to) {
            // The name is taken, which a hostile program can arrange. (An empty directory is simply
            // replaced.)
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            other => return other,
        }
    }
}

/// Whether the entry is a directory; makes it writable and movable if so.
fn is_directory(parent: &OwnedFd, name: &CString) -> Result<bool, Errno> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Ok(false);
    }
    if stat.st_mode & 0o700 != 0o700 {
        chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
    }
    Ok(true)
}

fn entry_names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

#[cfg(test)]
mod tests {
    use super::remove_tree;
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[tokio::test]
    async fn deep_and_sealed_trees_are_removed_without_following_links() {
        let place = tempfile::tempdir().unwrap();
        let (tree, outside) = (place.path().join("tree"), place.path().join("outside"));
        fs::create_dir_all(tree.join(".removing-1/x")).unwrap();
        fs::create_dir_all(tree.join("sealed/inner")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        symlink(&outside, tree.join("link")).unwrap();
        symlink(&outside, tree.join("sealed/inner/link")).unwrap();
        fs::set_permissions(tree.join("sealed"), fs::Permissions::from_mode(0o000)).unwrap();
        let mut at = rustix::fs::open(&tree, OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..5000 {
            mkdirat(&at, "deep", Mode::RWXU).unwrap();
            at = openat(&at, "deep", OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(&tree).await.unwrap();
        assert!(!tree.exists() && outside.join("kept").exists());
        remove_tree(&tree).await.unwrap();
        symlink(&outside, &tree).unwrap();
        assert!(remove_tree(&tree).await.is_err());
        assert!(outside.join("kept").exists());
    }
}
