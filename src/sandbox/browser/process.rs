//! The process of a browser in its sandbox.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

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
use eklavya_core::process::SEARCH_PATH;

/// The bytes of the browser's stderr that are kept.
const OUTPUT_BYTES: usize = 4096;
const MEMORY_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Moves the pipes to descriptors 3 and 4, on which Chromium expects the protocol: the sandbox passes the
/// standard streams only.
const STREAMS: &str = "exec 3<&0 4>&1 </dev/null >&2; exec \"$@\"";

/// A file system in memory that belongs to the sandbox. Chromium creates sockets below it, whose paths may
/// have 107 bytes; the path of the data directory may be longer.
const PRIVATE: &str = "/tmp";

/// The flags that are the same for every browser.
const FLAGS: &[&str] = &[
    "--headless=new",
    // Chromium's own sandbox needs namespaces, which the outer sandbox forbids.
    "--no-sandbox",
    "--remote-debugging-pipe",
    // Requests to loopback addresses go to the proxy too.
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

#[derive(Debug, Clone, Copy)]
enum ExceededLimit {
    Memory,
    Disk,
}

/// A running browser process. Dropping it kills the whole sandbox.
#[derive(Debug)]
pub(super) struct BrowserProcess {
    child: SandboxChild,
    output: Arc<Mutex<VecDeque<u8>>>,
    exceeded: Arc<OnceLock<ExceededLimit>>,
    memory_bytes: u64,
    tasks: [JoinHandle<()>; 2],
}

impl BrowserProcess {
    /// Starts the browser. Returns the pipes to and from it as well.
    pub(super) async fn start(
        sandbox: &Sandbox,
        browser: &BrowserSpec,
        dirs: &WorkspaceDirs,
    ) -> Result<(Self, ChildStdin, ChildStdout), BrowserError> {
        let program = real_program(&browser.program);
        let spec = sandbox_spec(browser, dirs, &program);
        let inner = browser_program(&program, browser.viewport);
        let mut child = sandbox.spawn(&spec, inner, StdioStreams::piped()).await?;
        let pipes = (child.take_stdin(), child.take_stdout(), child.take_stderr());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            let output = "a pipe is missing".to_owned();
            return Err(BrowserError::Ended { output });
        };
        let (output, exceeded) = (Arc::default(), Arc::default());
        let (pid, memory) = (child.pid(), browser.memory_bytes);
        let limits = enforce_limits(pid, memory, spec, Arc::clone(&exceeded));
        let process = Self {
            tasks: [
                tokio::spawn(collect_stderr(stderr, Arc::clone(&output))),
                tokio::spawn(limits),
            ],
            child,
            output,
            exceeded,
            memory_bytes: browser.memory_bytes,
        };
        Ok((process, stdin, stdout))
    }

    /// Returns why the browser ended.
    pub(super) fn end_reason(&self) -> BrowserError {
        match self.exceeded.get() {
            Some(ExceededLimit::Memory) => BrowserError::Memory {
                limit: self.memory_bytes,
            },
            Some(ExceededLimit::Disk) => BrowserError::Ended {
                output: "it used more disk space than sandbox.diskBytes allows".to_owned(),
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

    /// Kills all processes of the sandbox and waits until they have ended.
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

fn sandbox_spec(browser: &BrowserSpec, dirs: &WorkspaceDirs, program: &Path) -> SandboxSpec {
    let mut spec = SandboxSpec::new(SandboxProfile::Browser, dirs);
    spec.door = Some(dirs.door.clone());
    spec.user = browser.user;
    spec.tmp_bytes = browser.tmp_bytes;
    spec.disk_bytes = browser.disk_bytes;
    spec.pid_file = Some(browser.pid_file.clone());
    // A browser outside of /usr (Chrome is in /opt) is mounted with its directory.
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
        // The profile is not kept.
        .env("HOME", PRIVATE)
        .env("TMPDIR", PRIVATE)
}

/// Returns the browser itself if `program` is the distribution's wrapper script: the scripts read files
/// of /etc that do not exist in a sandbox.
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

async fn collect_stderr(mut stderr: ChildStderr, output: Arc<Mutex<VecDeque<u8>>>) {
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend(&chunk[..count]);
        let excess = output.len().saturating_sub(OUTPUT_BYTES);
        output.drain(..excess);
    }
}

/// Kills the browser if it exceeds its memory limit or disk quota.
async fn enforce_limits(
    pid: u32,
    memory: u64,
    spec: SandboxSpec,
    exceeded: Arc<OnceLock<ExceededLimit>>,
) {
    let disk = wait_for_disk_quota(vec![spec.workspace, spec.home], spec.disk_bytes, pid);
    let found = tokio::select! {
        () = wait_for_memory_limit(pid, memory) => ExceededLimit::Memory,
        _ = disk => ExceededLimit::Disk,
    };
    let _ = exceeded.set(found);
    kill_sandbox(pid);
}

async fn wait_for_memory_limit(pid: u32, limit: u64) {
    loop {
        tokio::time::sleep(MEMORY_CHECK_INTERVAL).await;
        let used = tokio::task::spawn_blocking(move || measure_memory(pid)).await;
        if used.is_ok_and(|bytes| bytes > limit) {
            return;
        }
    }
}
