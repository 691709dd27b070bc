//! What agents reach beyond the model: a developer fetches a library by git through the proxy at its
//! door, and nothing that is not listed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::rehearsal::{ANY, Rehearsal, bash, plan, says};
use crate::story::Story;

/// Serves the files below a directory, as git's "dumb" protocol wants it, on every address of the
/// loopback; returns the port.
fn serve(root: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let root = root.clone();
            thread::spawn(move || answer(stream, &root));
        }
    });
    port
}

fn answer(mut stream: TcpStream, root: &Path) {
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

/// Makes a repository with one file, which can be fetched as plain files.
fn library(place: &Path) {
    let script = "git init -q lib && cd lib && echo 'a library' > README && git add README && \
        git -c user.name=n -c user.email=e commit -qm first && git update-server-info";
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start what a person would start"
    )]
    let status = Command::new("sh")
        .args(["-c", script])
        .current_dir(place)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_developer_fetches_what_is_listed_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    library(place.path());
    let port = serve(place.path().to_owned());
    let listed = format!("http://127.0.0.2:{port}/lib/.git");
    let fetch = format!("git clone -q {listed} /tmp/lib && cp /tmp/lib/README site/library.txt");
    let other = format!("git ls-remote http://127.0.0.3:{port}/lib/.git; echo ended with $?");
    let direct = format!(
        "env -u http_proxy -u HTTP_PROXY -u ALL_PROXY -u all_proxy git ls-remote {listed}; \
         echo ended with $?"
    );
    let plan = plan(&[("T1", "developer", &[])]);
    let steps = [bash(&fetch), bash(&other), bash(&direct), says("Fetched.")];
    let rehearsal = Rehearsal::of(&plan).plays("developer", "T1", ANY, steps);
    let hosts = format!("127.0.0.2:{port}");
    let story = Story::ready_to_build(&plan, &rehearsal)
        .with("EKLAVYA_EGRESS_PACKAGES", &hosts)
        .with("EKLAVYA_EGRESS_PRIVATE", &hosts);
    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.file("main", "site/library.txt"), "a library\n");
    let did = story.did("T1", 1);
    assert!(
        did.contains("403") && !did.contains("ended with 0"),
        "{did}"
    );
    let trail = story.audit();
    let decided = |decision: &str, target: &str| {
        trail.iter().any(|line| {
            line.action == "egress.request"
                && line.details["decision"] == decision
                && line.details["target"] == target
        })
    };
    assert!(decided("allowed", &hosts), "{trail:#?}");
    assert!(
        decided("denied", &format!("127.0.0.3:{port}")),
        "{trail:#?}"
    );
    let key = "eklavya-door-";
    assert!(
        !trail
            .iter()
            .any(|line| line.details.to_string().contains(key))
    );
}
