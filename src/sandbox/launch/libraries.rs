//! Finding the shared libraries of a program: the only libraries in a sandbox without a shell.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::SandboxError;
use eklavya_core::process;

/// Returns the paths of the loader and the libraries of `program`, as the loader looks them up. The
/// list is empty for a static program or a script.
///
/// The program's loader lists them (`ld.so --list`), so the program itself does not run.
pub(crate) fn find_libraries(program: &Path) -> Result<Vec<PathBuf>, SandboxError> {
    let failed = |reason: String| SandboxError::Libraries {
        program: program.to_owned(),
        reason,
    };
    let Some(loader) = read_interpreter(program).map_err(|error| failed(error.to_string()))? else {
        return Ok(Vec::new());
    };
    let output = process::new_command(&loader)
        .as_std_mut()
        .arg("--list")
        .arg(program)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let mut found = parse_listing(&String::from_utf8_lossy(&output.stdout)).map_err(failed)?;
    found.push(loader);
    found.sort();
    found.dedup();
    Ok(found)
}

/// Parses lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`.
fn parse_listing(listing: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for line in listing.lines() {
        if line.ends_with("not found") {
            return Err(line.trim().to_owned());
        }
        let path = line.split("=>").last().unwrap_or_default().trim();
        let path = path.rsplit_once(" (0x").map_or(path, |(path, _)| path);
        // The linux-vdso of the kernel has no path.
        if path.starts_with('/') {
            found.push(PathBuf::from(path));
        }
    }
    Ok(found)
}

/// Returns the `PT_INTERP` of a 64-bit little-endian ELF file.
fn read_interpreter(program: &Path) -> io::Result<Option<PathBuf>> {
    const PT_INTERP: u64 = 3;
    let mut file = File::open(program)?;
    let mut header = Vec::new();
    file.by_ref().take(64).read_to_end(&mut header)?;
    // Magic number, 64 bits, little-endian.
    if header.len() < 64 || !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    let (table, size, count) = (
        little_endian(&header[0x20..0x28]),
        little_endian(&header[0x36..0x38]),
        little_endian(&header[0x38..0x3a]),
    );
    for index in 0..count {
        let mut entry = [0; 56];
        file.read_exact_at(&mut entry, table + index * size)?;
        if little_endian(&entry[..4]) == PT_INTERP {
            return read_path(&file, &entry).map(Some);
        }
    }
    Ok(None)
}

/// Reads the path that an entry of the program header table locates.
fn read_path(file: &File, entry: &[u8; 56]) -> io::Result<PathBuf> {
    let length = usize::try_from(little_endian(&entry[0x20..0x28]))
        .unwrap_or(0)
        .min(4096);
    let mut path = vec![0; length];
    file.read_exact_at(&mut path, little_endian(&entry[8..16]))?;
    path.retain(|byte| *byte != 0);
    Ok(PathBuf::from(std::ffi::OsString::from_vec(path)))
}

fn little_endian(bytes: &[u8]) -> u64 {
    let high_first = bytes.iter().rev();
    high_first.fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_of_the_loader_is_parsed() {
        let listing = "\tlinux-vdso.so.1 (0x00007fc74b4b7000)\n\
             \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fc74b2bf000)\n\
             \t/lib64/ld-linux-x86-64.so.2 (0x00007fc74b4b9000)\n";
        assert_eq!(
            parse_listing(listing).unwrap(),
            [
                Path::new("/lib/x86_64-linux-gnu/libc.so.6"),
                Path::new("/lib64/ld-linux-x86-64.so.2"),
            ]
        );
    }

    #[test]
    fn a_missing_library_is_an_error() {
        assert_eq!(
            parse_listing("\tlibx.so.1 => not found\n").unwrap_err(),
            "libx.so.1 => not found"
        );
    }

    #[test]
    fn a_program_has_libraries_and_a_script_has_none() {
        let found = find_libraries(Path::new("/bin/sh")).unwrap();
        assert!(
            found
                .iter()
                .any(|path| path.to_string_lossy().contains("libc")),
            "{found:?}"
        );
        assert!(found.iter().all(|path| path.exists()), "{found:?}");
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n").unwrap();
        assert!(find_libraries(script.path()).unwrap().is_empty());
    }

    #[test]
    fn a_truncated_program_is_an_error_not_a_panic() {
        let broken = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = std::fs::read("/bin/sh").unwrap();
        bytes.truncate(100);
        std::fs::write(broken.path(), bytes).unwrap();
        assert!(find_libraries(broken.path()).is_err());
    }
}
