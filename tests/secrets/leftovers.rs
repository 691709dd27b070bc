//! Everything that a project leaves: files, git objects, rows, and the output of commands.

use std::fs;

use camino::Utf8Path;
use eklavya_testkit::install::command;
use eklavya_testkit::install::workers::WorkerInstall;

/// Returns every file below a directory with its content, and every link with its target, without
/// the files in `except`.
pub fn files_below(directory: &Utf8Path, except: &[&Utf8Path]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in directory.read_dir_utf8().unwrap().flatten() {
            let (path, kind) = (entry.path().to_owned(), entry.file_type().unwrap());
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.push((
                    path.to_string(),
                    target.to_string_lossy().into_owned().into(),
                ));
            } else if kind.is_file() && !except.contains(&path.as_path()) {
                found.push((path.to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Returns every object of a repository, unpacked.
pub fn unpack_objects(repository: &Utf8Path) -> Vec<u8> {
    let arguments = ["cat-file", "--batch", "--batch-all-objects", "--unordered"];
    git(repository, &arguments)
}

/// Returns every object in a bundle, unpacked.
pub fn unpack_bundle(bundle: &Utf8Path, scratch: &Utf8Path) -> Vec<u8> {
    let into = scratch.join("unbundled.git");
    git(
        scratch,
        &["clone", "-q", "--mirror", bundle.as_str(), into.as_str()],
    );
    unpack_objects(&into)
}

fn git(directory: &Utf8Path, arguments: &[&str]) -> Vec<u8> {
    let output = command("git")
        .args(["-c", "safe.directory=*"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let outputs = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {outputs}");
    output.stdout
}

/// Returns every row of every table of the server, as text.
pub fn dump_rows(install: &WorkerInstall) -> Vec<(String, Vec<u8>)> {
    let tables = "SELECT table_name::text FROM information_schema.tables \
        WHERE table_schema = 'public' ORDER BY table_name";
    let mut found = Vec::new();
    for table in install.query_column(tables) {
        let rows = install.query_column(&format!("SELECT row_to_json(t)::text FROM \"{table}\" t"));
        found.push((table, rows.join("\n").into_bytes()));
    }
    found
}

/// Returns the output of every command that only reads, in every format.
pub fn command_outputs(install: &WorkerInstall) -> Vec<(String, Vec<u8>)> {
    let agents = install.query_column("SELECT id::text FROM agents");
    let logs = agents.iter().map(|id| format!("agents logs {id}"));
    let tasks = ["T1", "T2", "verify-1-qa"].map(|key| format!("tasks show shop {key}"));
    let fixed = [
        "status",
        "status shop",
        "project list",
        "project show shop",
        "plan show shop",
        "demo list shop",
        "demo show shop 1",
        "demo logs shop 1",
        "tasks list shop",
        "agents ps shop --all",
        "jobs list --all",
        "events tail",
        "budget show shop",
        "budget report shop",
        "audit log",
        "audit export shop",
        "audit verify",
        "roles",
        "config show",
        "secret list shop",
        "worker list",
        "db status",
        "doctor",
        "project show nowhere",
        "secret set shop PATH",
        "agents logs unknown",
    ];
    let lines = fixed.iter().map(|line| (*line).to_owned());
    let mut outputs = Vec::new();
    for line in lines.chain(logs).chain(tasks) {
        for form in ["", " --output json", " --output jsonl", " -vvv"] {
            let whole = format!("{line}{form}");
            let words: Vec<&str> = whole.split_whitespace().collect();
            let outcome = install.run(&words);
            let text = format!("{}\n{}", outcome.stdout, outcome.stderr);
            outputs.push((whole, text.into_bytes()));
        }
    }
    outputs
}
