//! Removing the leftovers of earlier lease holders from the directories of a project. The work of
//! agents is never removed.

use std::path::Path;

use crate::context::error::EngineError;
use crate::context::paths::ProjectPaths;
use crate::workspace::command::PROCESS_FILE;
use eklavya_gateway::SOCKET_NAME;
use eklavya_git::{remove_tree, remove_unfinished};
use eklavya_sandbox::{self as sandbox, WorkspaceDirs};

/// Removes throw-away trees, unfinished clones, and the sockets of doors that are closed.
///
/// The caller holds the lease and has not started any work.
pub(crate) async fn remove_leftovers(paths: &ProjectPaths) -> Result<(), EngineError> {
    for tree in list_entries(&paths.scratch())? {
        // The test command of a suspended worker may still run there.
        if !sandbox::kill_by_pid_file(&tree.join(PROCESS_FILE)).await {
            tracing::warn!("the process in {} does not end", tree.display());
        }
        remove_tree(&tree).await?;
    }
    for session in list_entries(&paths.sessions())? {
        if session.is_dir() {
            tidy_session(&session).await?;
        }
    }
    Ok(())
}

async fn tidy_session(session: &Path) -> Result<(), EngineError> {
    let dirs = WorkspaceDirs::below(session);
    remove_unfinished(&dirs.clone).await?;
    remove_file_if_present(&dirs.door.join(SOCKET_NAME))?;
    for file in list_entries(session)? {
        if file.extension().is_some_and(|name| name == "bundle") {
            remove_file_if_present(&file)?;
        }
    }
    Ok(())
}

/// Returns the paths in a directory; none if it does not exist.
fn list_entries(directory: &Path) -> Result<Vec<std::path::PathBuf>, EngineError> {
    match std::fs::read_dir(directory) {
        Ok(found) => Ok(found.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(EngineError::io(directory)(error)),
    }
}

fn remove_file_if_present(path: &Path) -> Result<(), EngineError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::io(path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn leftovers_are_removed_and_work_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let paths = ProjectPaths {
            root: root.path().to_owned(),
        };
        let gone = [
            "scratch/1/clone/a",
            "work/s/.clone.making-1/a",
            "work/s/door/gateway.sock",
            "work/s/agent.bundle",
        ];
        let kept = [
            "work/s/clone/a.bundle",
            "work/s/home/a",
            "work/file",
            "transcripts/a.jsonl",
        ];
        for name in gone.iter().chain(&kept) {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        remove_leftovers(&paths).await.unwrap();
        remove_leftovers(&paths).await.unwrap();
        assert!(gone.iter().all(|name| !root.path().join(name).exists()));
        assert!(kept.iter().all(|name| root.path().join(name).exists()));
    }
}
