//! Finding Chromium.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::BrowserError;

/// The names of the program in distributions.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Returns the path of Chromium: `configured`, or the first program with a usual name in the directories
/// `search`.
///
/// # Errors
/// `configured` is not an executable program, or none is found.
pub fn locate_browser(
    configured: Option<&Path>,
    search: &[PathBuf],
) -> Result<PathBuf, BrowserError> {
    if let Some(path) = configured {
        let found = is_program(path).then(|| path.to_owned());
        return found.ok_or_else(|| BrowserError::NotAProgram {
            path: path.to_owned(),
        });
    }
    NAMES
        .iter()
        .flat_map(|name| search.iter().map(move |directory| directory.join(name)))
        .find(|path| is_program(path))
        .ok_or(BrowserError::NotInstalled)
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_or_the_first_executable_browser_is_used() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let search = [first.path().to_owned(), second.path().to_owned()];
        let missing = locate_browser(None, &search);
        assert!(matches!(missing, Err(BrowserError::NotInstalled)));
        let (chrome, chromium) = (
            first.path().join("google-chrome"),
            second.path().join("chromium"),
        );
        for (path, mode) in [(&chrome, 0o755), (&chromium, 0o644)] {
            std::fs::write(path, "").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(locate_browser(None, &search).unwrap(), chrome);
        let refused = locate_browser(Some(&chromium), &search).unwrap_err();
        assert!(refused.to_string().contains("browser.path names"));
        std::fs::set_permissions(&chromium, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(locate_browser(None, &search).unwrap(), chromium);
        assert_eq!(locate_browser(Some(&chrome), &[]).unwrap(), chrome);
    }
}
