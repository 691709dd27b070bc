//! The files, processes and locks that agents may leave on the machine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::install::TestInstall;
use crate::install::running::wait_until;
use crate::upstream::RecordedRequest;

impl TestInstall {
    /// Asserts that the work left nothing: no process, socket, lock, lease, temporary tree, partial
    /// clone or corrupt object.
    #[track_caller]
    pub fn assert_no_remains(&self) {
        let home = format!("{}/", self.home());
        let gone = wait_until(|| processes_with(&[home.as_str()]).is_empty());
        assert!(gone, "processes are left: {:#?}", processes_with(&[&home]));
        let held = "SELECT worker FROM leases WHERE worker IS NOT NULL";
        assert_eq!(self.query_column(held), [""; 0]);
        let files = files_below(&self.home());
        let odd: Vec<_> = files
            .iter()
            .filter(|file| is_unfinished_file(file))
            .collect();
        assert_eq!(odd, [""; 0]);
        let locks = locked_files(&files);
        assert_eq!(locks, [""; 0]);
        let known: BTreeSet<String> = self
            .database
            .rows("SELECT session_id FROM agents")
            .concat()
            .into_iter()
            .collect();
        let there: BTreeSet<String> = names_in(&self.project_dir().join("work"));
        assert!(there.is_subset(&known), "{there:?} {known:?}");
        let shapes: BTreeSet<String> = there
            .iter()
            .map(|session| self.project_dir().join("work").join(session))
            .map(|session| format!("{:?}", names_in(&session)))
            .collect();
        assert!(shapes.len() <= 1, "{shapes:?}");
        assert_eq!(names_in(&self.project_dir().join("scratch")).len(), 0);
        self.git(&["fsck", "--strict", "--no-dangling"]);
    }

    /// Returns the processes of agents, tests and checks: those that name a workspace in their
    /// arguments, their environment or their working directory.
    pub fn agent_processes(&self) -> Vec<String> {
        self.processes_in(&["work/", "scratch/"])
    }

    /// Returns the processes that serve a demo.
    pub fn preview_processes(&self) -> Vec<String> {
        self.processes_in(&["demos/"])
    }

    fn processes_in(&self, places: &[&str]) -> Vec<String> {
        let places = places.iter().map(|place| self.project_dir().join(place));
        let places: Vec<String> = places.map(Utf8PathBuf::into_string).collect();
        processes_with(&places)
    }

    /// Waits until the CLI has recorded its tool calls before this request.
    ///
    /// The CLI records them in batches, with a delay of some tenths of a second: a CLI that is
    /// killed before that does not know its last tool call when it is resumed.
    #[track_caller]
    pub fn wait_until_recorded(&self, request: &RecordedRequest) {
        let Some(done) = request.step.checked_sub(1) else {
            return;
        };
        let home = self
            .project_dir()
            .join(format!("work/{}/home", request.session));
        let result = format!("\"tool_use_id\":\"toolu_rh_{}_{done}_", request.attempt);
        let recorded = || {
            let projects = home
                .join(".claude/projects")
                .read_dir_utf8()
                .into_iter()
                .flatten();
            let files = projects.flat_map(|project| project.unwrap().path().read_dir_utf8());
            files.flatten().any(|file| {
                let text = fs::read(file.unwrap().path()).unwrap_or_default();
                String::from_utf8_lossy(&text).contains(&result)
            })
        };
        assert!(wait_until(recorded), "{request:#?} is not recorded");
    }

    /// Stops the CLI processes of this installation, so that only SIGKILL ends them.
    pub fn freeze_agents(&self) {
        for process in self.agent_processes() {
            let (id, traces) = process.split_once(": ").unwrap();
            if traces.contains("--input-format=stream-json") && !traces.contains("sandbox-init") {
                let id = Pid::from_raw(id.parse().unwrap());
                // The process may have ended already.
                let _ = kill(id, Signal::SIGSTOP);
            }
        }
    }

    /// Asserts that all processes of agents end.
    #[track_caller]
    pub fn assert_no_agent_process(&self) {
        let gone = wait_until(|| self.agent_processes().is_empty());
        assert!(gone, "processes are left: {:#?}", self.agent_processes());
    }
}

/// Returns the processes that name one of these paths.
fn processes_with(places: &[impl AsRef<str>]) -> Vec<String> {
    let own = std::process::id();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok())
        .filter(|id| *id != own)
        .filter_map(|id| {
            let traces = process_traces(id);
            let knows = places.iter().any(|place| traces.contains(place.as_ref()));
            knows.then(|| format!("{id}: {traces}"))
        })
        .collect()
}

fn names_in(directory: &Utf8Path) -> BTreeSet<String> {
    let entries = directory.read_dir_utf8().into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect()
}

/// Returns all files below a directory.
fn files_below(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(entry.path()));
        } else {
            found.push(entry.into_path());
        }
    }
    found
}

/// Returns whether only interrupted work leaves such a file. An agent may leave any file in its
/// own home, clone and tmp.
fn is_unfinished_file(file: &Utf8Path) -> bool {
    // SQLite creates and removes files beside the database.
    let Ok(found) = file.symlink_metadata() else {
        return false;
    };
    let kind = found.file_type();
    let name = file.file_name().unwrap();
    let in_repository = file.as_str().contains("/repo.git/");
    kind.is_socket()
        || name.contains(".making-")
        || (in_repository && (file.extension() == Some("lock") || name.starts_with("tmp_")))
}

/// Returns the files on which a process holds a lock (proc(5): `/proc/locks`).
fn locked_files(files: &[Utf8PathBuf]) -> Vec<String> {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let held: BTreeSet<u64> = locks
        .lines()
        .filter_map(|line| {
            line.split_whitespace()
                .find(|word| word.contains(':') && !word.ends_with(':'))
        })
        .filter_map(|file| file.rsplit(':').next()?.parse().ok())
        .collect();
    let inode = |file: &Utf8Path| file.symlink_metadata().ok().map(|found| found.ino());
    let files = files
        .iter()
        .filter(|file| inode(file).is_some_and(|inode| held.contains(&inode)));
    files.map(ToString::to_string).collect()
}

fn process_traces(id: u32) -> String {
    let read = |name: &str| fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
    let directory = fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&read("cmdline")).into_owned();
    text.push_str(&String::from_utf8_lossy(&read("environ")));
    text.push_str(&directory.to_string_lossy());
    text.push('/');
    text.replace('\0', " ")
}
