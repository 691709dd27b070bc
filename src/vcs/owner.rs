//! Handing a tree over to the uid that agents run under.

use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Uid, chownat};

use super::error::{VcsError, blocking};
use super::walk::{Tree, Visit};

/// Makes `uid` and `gid` the owner of everything at and below the directory `dest`.
///
/// Links are handed over themselves and never followed, and a file with several names that does
/// not belong to `uid` already is left alone: its other name may be anywhere. What lies deeper than
/// 200 directories is left alone too, which no fresh clone has. Only root can give files away; for anybody else this does nothing, since agents then run under the same uid.
pub async fn adopt(dest: &Path, uid: u32, gid: u32) -> Result<(), VcsError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let dest = dest.to_owned();
    blocking(move || {
        let tree = Tree::open(&dest)?;
        let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let failed = |why: rustix::io::Errno| VcsError::io("hand over", &dest)(why.into());
        tree.walk(
            |seen| {
                let shared = seen.kind() != FileType::Directory && seen.stat.st_nlink > 1;
                if !shared || seen.stat.st_uid == uid {
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    chownat(seen.directory, seen.name, owner, group, flags).map_err(failed)?;
                }
                Ok(Visit::Enter)
            },
            |_, _| {},
        )?;
        rustix::fs::fchown(tree.root(), owner, group).map_err(failed)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::adopt;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[tokio::test]
    async fn only_the_tree_itself_changes_hands() {
        let place = tempfile::tempdir().unwrap();
        let (tree, outside) = (place.path().join("tree"), place.path().join("outside"));
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::create_dir(&outside).unwrap();
        for file in ["kept", "linked"] {
            fs::write(outside.join(file), "x").unwrap();
        }
        fs::write(tree.join("a/b/own"), "x").unwrap();
        symlink(&outside, tree.join("directory")).unwrap();
        symlink(outside.join("kept"), tree.join("a/file")).unwrap();
        fs::hard_link(outside.join("linked"), tree.join("hard")).unwrap();
        let before = fs::metadata(&outside).unwrap().uid();
        let target = if before == 0 { 54321 } else { before };
        adopt(&tree, target, target).await.unwrap();
        for mine in [tree.clone(), tree.join("a/b/own"), tree.join("a/file")] {
            assert_eq!(
                fs::symlink_metadata(&mine).unwrap().uid(),
                target,
                "{mine:?}"
            );
        }
        for other in [
            outside.clone(),
            outside.join("kept"),
            outside.join("linked"),
        ] {
            assert_eq!(fs::metadata(&other).unwrap().uid(), before, "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_link_in_place_of_the_tree_is_refused() {
        let place = tempfile::tempdir().unwrap();
        symlink("/etc", place.path().join("tree")).unwrap();
        if rustix::process::geteuid().is_root() {
            assert!(
                adopt(&place.path().join("tree"), 54321, 54321)
                    .await
                    .is_err()
            );
        }
    }
}
