//! An HTTP server for files, and a git repository that it can serve.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// Serves the files below a directory for git's "dumb" protocol on 127.0.0.2; returns the port.
pub fn serve_files(root: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let root = root.clone();
            thread::spawn(move || answer_request(stream, &root));
        }
    });
    port
}

fn answer_request(mut stream: TcpStream, root: &Path) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let lines: Vec<String> = reader
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let path = lines.first().and_then(|line| line.split(' ').nth(1));
    let path = path.unwrap_or("/").split('?').next().unwrap_or("/");
    let (status, body) = match fs::read(root.join(path.trim_start_matches('/'))) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

/// Creates the git repository `lib` with one file, ready for git's "dumb" protocol.
pub fn create_library(directory: &Path) {
    let script = "git init -q lib && cd lib && echo 'a library' > README && git add README && \
        git -c user.name=n -c user.email=e commit -qm first && git update-server-info";
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start what a person would start"
    )]
    let status = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .status();
    assert!(status.unwrap().success());
}
