//! Writing files atomically.

use std::io::Write;
use std::path::Path;

use super::error::EngineError;

/// Writes a file so that readers see either all of it or none.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), EngineError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(EngineError::io(path))?;
    file.write_all(content).map_err(EngineError::io(path))?;
    file.as_file().sync_all().map_err(EngineError::io(path))?;
    file.persist(path).map_err(|error| EngineError::Io {
        path: path.to_owned(),
        source: error.error,
    })?;
    Ok(())
}
