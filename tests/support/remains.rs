//! What is left of agents on the machine.

use std::fs;

use camino::Utf8PathBuf;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::running::eventually;
use crate::studio::Studio;
use crate::upstream::Asked;

impl Studio {
    /// Returns the processes of agents, tests and checks: those that know of a workspace, by their
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
        let own = std::process::id();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok())
            .filter(|id| *id != own)
            .filter_map(|id| {
                let traces = traces(id);
                let knows = places.iter().any(|place| traces.contains(place));
                knows.then(|| format!("{id}: {traces}"))
            })
            .collect()
    }

    /// Waits until the CLI has written down what it did before it asked for this.
    ///
    /// It writes in batches, some tenths of a second after the fact: a CLI that is killed with
    /// SIGKILL before that does not know of its last tool call when it is resumed.
    #[track_caller]
    pub fn wait_until_recorded(&self, asked: &Asked) {
        let Some(done) = asked.step.checked_sub(1) else {
            return;
        };
        let home = self
            .project_dir()
            .join(format!("work/{}/home", asked.session));
        let result = format!("\"tool_use_id\":\"toolu_rh_{}_{done}_", asked.attempt);
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
        assert!(eventually(recorded), "{asked:#?} is not recorded");
    }

    /// Stops the CLI processes of this studio, so that they answer to nothing but SIGKILL.
    pub fn freeze_agents(&self) {
        for process in self.agent_processes() {
            let (id, traces) = process.split_once(": ").unwrap();
            if traces.contains("--input-format=stream-json") && !traces.contains("sandbox-init") {
                let id = Pid::from_raw(id.parse().unwrap());
                // It may be a process that only handed the arguments on.
                let _ = kill(id, Signal::SIGSTOP);
            }
        }
    }

    /// Asserts that no process of an agent is left, or that the last one is about to go.
    #[track_caller]
    pub fn assert_no_agent_process(&self) {
        let gone = eventually(|| self.agent_processes().is_empty());
        assert!(gone, "processes are left: {:#?}", self.agent_processes());
    }
}

fn traces(id: u32) -> String {
    let read = |name: &str| fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
    let directory = fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&read("cmdline")).into_owned();
    text.push_str(&String::from_utf8_lossy(&read("environ")));
    text.push_str(&directory.to_string_lossy());
    text.push('/');
    text.replace('\0', " ")
}
