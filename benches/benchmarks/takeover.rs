//! The time in which another worker takes over the job of a killed worker: from the kill to the
//! moment when the other worker reports that it starts the job.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use eklavya_claude::cli::locate::ClaudeCli;
use eklavya_core::process;
use serde_json::Value;

use crate::options::BenchOptions;
use crate::results::latency::LatencySummary;
use crate::results::report::ReportWriter;
use crate::results::samples::DurationSamples;
use crate::{BenchError, SEARCH_PATH};

/// The term of a lease in seconds.
const LEASE: u32 = 5;
/// The additional delay of the kill in each round, so that kills hit different points of the other
/// worker's polling interval.
const PAUSE: Duration = Duration::from_millis(370);
/// The PM thinks for longer than the measurement takes.
const REHEARSAL: &str = "rehearsal: 1\nagents:\n  - role: pm\n    steps:\n      \
    - { text: \"Let me think.\", delaySeconds: 3600 }\n";

/// Measures takeovers on the same host and from another host.
pub fn measure(options: &BenchOptions, cli: &ClaudeCli) -> Result<Vec<LatencySummary>, BenchError> {
    let mut found = vec![LatencySummary::from_samples(
        "takeover",
        "on the same host",
        &kill_workers(options, cli, &[])?,
        [1.5, 2.0],
    )];
    // In a separate process namespace, the other worker cannot see the process of the dead worker.
    let elsewhere = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if nix::unistd::geteuid().is_root() {
        let most = f64::from(LEASE) + 1.0;
        let samples = kill_workers(options, cli, &elsewhere)?;
        let part = "on another host, with a lease of 5 s";
        found.push(LatencySummary::from_samples(
            "takeover",
            part,
            &samples,
            [most, most],
        ));
    } else {
        ReportWriter::print_progress(
            "takeover from another host: left out, since only root can play one",
        );
    }
    Ok(found)
}

/// Kills a worker that was started with `wrapper`, as often as the options set.
fn kill_workers(
    options: &BenchOptions,
    cli: &ClaudeCli,
    wrapper: &[&str],
) -> Result<DurationSamples, BenchError> {
    let mut samples = DurationSamples::default();
    for round in 1..=options.rounds {
        let place = crate::create_directory(options)?;
        let fixture = TakeoverFixture {
            eklavya: &options.eklavya,
            claude: &cli.program,
            directory: place.path(),
        };
        let took = fixture.time_takeover(wrapper, PAUSE * round)?;
        samples.add(took);
        ReportWriter::print_progress(&format!("takeover {round}: {:.2} s", took.as_secs_f64()));
    }
    Ok(samples)
}

struct TakeoverFixture<'a> {
    eklavya: &'a Path,
    claude: &'a Path,
    directory: &'a Path,
}

impl TakeoverFixture<'_> {
    /// Returns the time from the kill of the working worker until another worker starts the job.
    fn time_takeover(&self, wrapper: &[&str], pause: Duration) -> Result<Duration, BenchError> {
        self.create_project()?;
        let mut first = BenchWorker::start(self.worker_command(wrapper))?;
        first.wait_for_event("worker:registered")?;
        self.run_command("plan bench --detach")?;
        first.wait_for_event("job:started")?;
        self.wait_for_agents(1)?;
        let mut successor = BenchWorker::start(self.worker_command(&[]))?;
        successor.wait_for_event("worker:registered")?;
        std::thread::sleep(pause);
        first.child.kill()?;
        let killed = Instant::now();
        successor.wait_for_event("job:started")?;
        Ok(killed.elapsed())
    }

    /// Creates a data directory with a project.
    fn create_project(&self) -> Result<(), BenchError> {
        std::fs::write(self.directory.join("brief.md"), "A page.\n")?;
        std::fs::write(self.directory.join("rehearsal.yaml"), REHEARSAL)?;
        self.run_command("init --yes")?;
        self.run_command(
            "project new bench --brief brief.md --client Ada --budget 25 --yes \
             --rehearsal rehearsal.yaml",
        )?;
        Ok(())
    }

    fn worker_command(&self, wrapper: &[&str]) -> Command {
        let eklavya = self.eklavya.to_string_lossy();
        let words: Vec<&str> = wrapper.iter().copied().chain([&*eklavya]).collect();
        let mut command = self.command(words[0]);
        command
            .args(&words[1..])
            .args(["worker", "--output", "jsonl"]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = process::new_command(program).into_std();
        command
            .current_dir(self.directory)
            .env("PATH", SEARCH_PATH)
            .env("HOME", self.directory)
            .env("EKLAVYA_HOME", self.directory.join("home"))
            .env("EKLAVYA_CLAUDE_PATH", self.claude)
            .env("EKLAVYA_WORKER_LEASE_SECONDS", LEASE.to_string());
        command
    }

    fn run_command(&self, line: &str) -> Result<String, BenchError> {
        let output = self
            .command(&self.eklavya.to_string_lossy())
            .args(line.split_whitespace())
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`eklavya {line}` ended with {}: {text}", output.status).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until this number of agents run.
    fn wait_for_agents(&self, count: usize) -> Result<(), BenchError> {
        loop {
            let agents: Value =
                serde_json::from_str(&self.run_command("agents ps --output json")?)?;
            let is_running = |agent: &&Value| agent["status"] == "running";
            let agents = agents.as_array().into_iter().flatten();
            if agents.filter(is_running).count() == count {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A worker whose events are read. It is killed on drop.
struct BenchWorker {
    child: Child,
    events: std::io::Lines<BufReader<ChildStdout>>,
}

impl BenchWorker {
    fn start(mut command: Command) -> Result<Self, BenchError> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let news = child.stdout.take().ok_or("no news")?;
        Ok(Self {
            child,
            events: BufReader::new(news).lines(),
        })
    }

    fn wait_for_event(&mut self, event: &str) -> Result<(), BenchError> {
        for line in &mut self.events {
            let record: Value = serde_json::from_str(&line?)?;
            if record["event"] == event {
                return Ok(());
            }
        }
        Err(format!("a worker ended before {event}").into())
    }
}

impl Drop for BenchWorker {
    fn drop(&mut self) {
        // The worker may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
