//! The process of a browser, in its sandbox.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use eklavya_core::process::SEARCH_PATH;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;

use super::error::BrowserError;
use super::session::{BrowserSpec, ViewportSize};
use crate::inside::door::PROXY_PORT;
use crate::run::child::{SandboxChild, StdioStreams};
use crate::run::disk_usage::wait_for_disk_quota;
use crate::run::memory_usage::measure_memory;
use crate::run::sandbox::{Sandbox, kill_sandbox};
use crate::spec::{ProgramSpec, SandboxProfile, SandboxSpec};
use crate::workspace_dirs::WorkspaceDirs;

/// Bytes kept of what it prints.
const OUTPUT_BYTES: usize = 4096;
/// Between two looks at its memory.
const LOOK: Duration = Duration::from_secs(1);

/// The protocol is spoken on descriptors 3 and 4, and the sandbox hands on the standard streams only.
const STREAMS: &str = "exec 3<&0 4>&1 </dev/null >&2; exec \"$@\"";

/// A file system in memory of the sandbox's own. Chromium makes sockets below it, whose paths may
/// have 107 bytes: the data directory's may be longer.
const PRIVATE: &str = "/tmp";

/// Flags beside those that depend on something.
const FLAGS: &[&str] = &[
    "--headless=new",
    // Its own sandbox needs namespaces, which are refused inside ours.
    "--no-sandbox",
    "--remote-debugging-pipe",
    // Also addresses of this machine's own go to the proxy.
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-default-apps",
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,OptimizationHints,Translate,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--mute-audio",
    "--renderer-process-limit=3",
    "--js-flags=--max-old-space-size=512",
    "--lang=en",
];

/// What ended a browser from outside.
#[derive(Debug, Clone, Copy)]
enum ExceededLimit {
    Memory,
    Disk,
}

/// A running browser process. Dropping it kills everything of it.
#[derive(Debug)]
pub(super) struct BrowserProcess {
    child: SandboxChild,
    output: Arc<Mutex<VecDeque<u8>>>,
    exceeded: Arc<OnceLock<ExceededLimit>>,
    memory_bytes: u64,
    tasks: [JoinHandle<()>; 2],
}

impl BrowserProcess {
    /// Starts the browser; returns the pipes over which it is driven.
    pub(super) async fn start(
        sandbox: &Sandbox,
        wanted: &BrowserSpec,
        dirs: &WorkspaceDirs,
    ) -> Result<(Self, ChildStdin, ChildStdout), BrowserError> {
        let program = real_program(&wanted.program);
        let spec = sandbox_spec(wanted, dirs, &program);
        let inner = browser_program(&program, wanted.viewport);
        let mut child = sandbox.spawn(&spec, inner, StdioStreams::piped()).await?;
        let pipes = (child.take_stdin(), child.take_stdout(), child.take_stderr());
        let (Some(input), Some(answers), Some(errors)) = pipes else {
            return Err(BrowserError::Ended {
                output: "a pipe is missing".to_owned(),
            });
        };
        let (output, fault) = (Arc::default(), Arc::default());
        let watching = enforce_limits(child.pid(), wanted.memory_bytes, spec, Arc::clone(&fault));
        let process = Self {
            tasks: [
                tokio::spawn(collect_stderr(errors, Arc::clone(&output))),
                tokio::spawn(watching),
            ],
            child,
            output,
            exceeded: fault,
            memory_bytes: wanted.memory_bytes,
        };
        Ok((process, input, answers))
    }

    /// Returns why it is gone.
    pub(super) fn end_reason(&self) -> BrowserError {
        match self.exceeded.get() {
            Some(ExceededLimit::Memory) => BrowserError::Memory {
                limit: self.memory_bytes,
            },
            Some(ExceededLimit::Disk) => BrowserError::Ended {
                output: "it took more of the disk than sandbox.diskBytes".to_owned(),
            },
            None => {
                let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = output.make_contiguous();
                BrowserError::Ended {
                    output: String::from_utf8_lossy(bytes).into_owned(),
                }
            }
        }
    }

    /// Returns the process id of its sandbox on the host.
    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Kills everything of it and waits until that is gone.
    pub(super) async fn kill(&mut self) -> Result<(), BrowserError> {
        self.child.kill_tree().await?;
        Ok(())
    }
}

impl Drop for BrowserProcess {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn sandbox_spec(wanted: &BrowserSpec, dirs: &WorkspaceDirs, program: &Path) -> SandboxSpec {
    let mut spec = SandboxSpec::new(SandboxProfile::Browser, dirs);
    spec.door = Some(dirs.door.clone());
    spec.user = wanted.user;
    spec.tmp_bytes = wanted.tmp_bytes;
    spec.disk_bytes = wanted.disk_bytes;
    spec.pid_file = Some(wanted.pid_file.clone());
    // What is not part of the system (Chrome is in /opt) is mounted with what lies beside it.
    if !program.starts_with("/usr") {
        spec.tool_binaries
            .extend(program.parent().map(Path::to_owned));
    }
    spec
}

fn browser_program(program: &Path, viewport: ViewportSize) -> ProgramSpec {
    let line =
        format!("set -- \"$@\" \"--proxy-server=http://127.0.0.1:${PROXY_PORT}\"; {STREAMS}");
    let mut args = vec!["-c".into(), line.into(), "sh".into()];
    args.push(program.as_os_str().to_owned());
    args.extend(FLAGS.iter().map(Into::into));
    args.push(format!("--user-data-dir={PRIVATE}/profile").into());
    let ViewportSize { width, height } = viewport;
    args.push(format!("--window-size={width},{height}").into());
    ProgramSpec::new("/bin/sh", args)
        .env("PATH", SEARCH_PATH)
        .env("LANG", "C.UTF-8")
        // Nothing of it is kept.
        .env("HOME", PRIVATE)
        .env("TMPDIR", PRIVATE)
}

/// Returns the program itself where `program` is a script of the distribution's around it: those
/// read files of /etc that are not there in a sandbox.
fn real_program(program: &Path) -> PathBuf {
    let real = program
        .canonicalize()
        .unwrap_or_else(|_| program.to_owned());
    let Some(name) = real.file_name().filter(|_| is_script(&real)) else {
        return real;
    };
    let beside = real.with_file_name("chrome");
    ["/usr/lib", "/usr/lib64"]
        .iter()
        .map(|lib| Path::new(lib).join(name).join(name))
        .chain([beside])
        .find(|path| path.is_file() && !is_script(path))
        .unwrap_or(real)
}

fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"#!"
}

async fn collect_stderr(mut errors: ChildStderr, output: Arc<Mutex<VecDeque<u8>>>) {
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = errors.read(&mut chunk).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend(&chunk[..count]);
        let over = output.len().saturating_sub(OUTPUT_BYTES);
        output.drain(..over);
    }
}

/// Ends the browser where it takes too much.
async fn enforce_limits(
    pid: u32,
    memory: u64,
    spec: SandboxSpec,
    fault: Arc<OnceLock<ExceededLimit>>,
) {
    let disk = wait_for_disk_quota(vec![spec.workspace, spec.home], spec.disk_bytes, pid);
    let found = tokio::select! {
        () = wait_for_memory_limit(pid, memory) => ExceededLimit::Memory,
        _ = disk => ExceededLimit::Disk,
    };
    let _ = fault.set(found);
    kill_sandbox(pid);
}

async fn wait_for_memory_limit(pid: u32, limit: u64) {
    loop {
        tokio::time::sleep(LOOK).await;
        let taken = tokio::task::spawn_blocking(move || measure_memory(pid)).await;
        if taken.is_ok_and(|bytes| bytes > limit) {
            return;
        }
    }
}
