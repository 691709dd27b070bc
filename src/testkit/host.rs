//! The state of the machine: processes and ports.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest wait for an event that must happen: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Waits until `happened` returns a value.
///
/// # Panics
/// If `happened` returns no value in time.
#[track_caller]
pub fn wait_for<T>(what: &str, mut happened: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = happened() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "timed out waiting until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the processes whose command line, working directory or environment names `directory`.
pub fn processes_at(directory: &Path) -> Vec<String> {
    let name = directory.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.parse::<u32>().is_err() || pid == std::process::id().to_string() {
            continue;
        }
        let text = |part| {
            let bytes = fs::read(entry.path().join(part)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let cwd = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let line = text("cmdline");
        if line.contains(name) || cwd.starts_with(directory) || text("environ").contains(name) {
            found.push(format!("{pid}: {line} in {}", cwd.display()));
        }
    }
    found
}

/// Returns the answer of `http://127.0.0.1:PORT/PATH`, head and body, or nothing if no server
/// answers.
pub fn http_get(url: &str) -> Option<String> {
    let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.starts_with("HTTP/1.1 ").then_some(answer)
}

/// Returns a port that refuses connections while this process runs.
pub fn refusing_port() -> u16 {
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = bound.local_addr().unwrap().port();
    // The socket stays bound, so no other test gets the port.
    std::mem::forget(bound);
    port
}
