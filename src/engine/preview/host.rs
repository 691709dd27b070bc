//! The process behind a preview URL: it serves one demo until it is told to end.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::context::error::EngineError;
use crate::workspace::command;
use eklavya_core::process::SEARCH_PATH;
use eklavya_core::redactor::Redactor;
use eklavya_core::secret::SecretName;
use eklavya_sandbox::docker::DockerSettings;
use eklavya_sandbox::{
    KernelRequirements, MountAccess, PreviewServer, PreviewSource, PreviewSpec, Sandbox,
    SandboxProfile, SandboxSpec, SandboxUser, WEB_SOCKET, WorkspaceDirs,
};
use eklavya_services::secrets::environment_variables;

/// The hidden subcommand that serves a preview.
pub const HOST_COMMAND: &str = "preview-host";
/// The file with what its process was told to serve for: once that is gone or another one's, the
/// process ends.
pub(crate) const TICKET_FILE: &str = "ticket";
/// The file with what a server printed.
pub(crate) const LOG_FILE: &str = "preview.log";
/// How often what a server prints is written to its log.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// What the process that serves a preview is told, as one JSON document on its stdin.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PreviewHostRequest {
    pub(crate) root: PathBuf,
    pub(crate) ticket: String,
    pub(crate) source: PreviewHostSource,
    pub(crate) path: String,
    pub(crate) health_seconds: u64,
    pub(crate) tmp_bytes: u64,
    pub(crate) disk_bytes: u64,
    pub(crate) landlock: u32,
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) sandboxed: bool,
    pub(crate) secrets: PreviewSecrets,
    /// Where the isolation is Docker, which.
    pub(crate) docker: Option<DockerSettings>,
}

/// Secrets for the server's environment: name and value. They are in the order, which goes through a
/// pipe, and nowhere else.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PreviewSecrets(Vec<(String, Zeroizing<String>)>);

impl std::fmt::Debug for PreviewSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl PreviewSecrets {
    pub(crate) fn from_secrets(given: &[(SecretName, SecretString)]) -> Self {
        let plain =
            |(name, value): (&str, &str)| (name.to_owned(), Zeroizing::new(value.to_owned()));
        Self(
            environment_variables(given)
                .into_iter()
                .map(plain)
                .collect(),
        )
    }

    fn redactor(&self) -> Redactor {
        let values = self
            .0
            .iter()
            .map(|(_, value)| SecretString::from(value.as_str()));
        Redactor::new(values)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum PreviewHostSource {
    Static(PathBuf),
    Command { line: String, port: u16 },
}

/// What that process answers, as one line of JSON on its stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum PreviewHostReply {
    Ready { url: String },
    Failed { reason: String },
}

/// Serves a preview until it is told to end: the whole life of the process behind a preview URL.
///
/// `exe` is the `eklavya` program. The order comes as JSON on stdin, the answer goes as a line of JSON to `answer`.
pub async fn run_preview_host(
    exe: PathBuf,
    mut answer: impl tokio::io::AsyncWrite + Unpin,
) -> Result<(), EngineError> {
    let fault =
        |error: serde_json::Error| EngineError::Failed(format!("the preview's order: {error}"));
    // A session of its own: it must not end with the terminal of the command that started it.
    let _ = nix::unistd::setsid();
    let mut text = Vec::new();
    tokio::io::stdin()
        .read_to_end(&mut text)
        .await
        .map_err(EngineError::io("stdin"))?;
    let order: PreviewHostRequest = serde_json::from_slice(&text).map_err(fault)?;
    let (reply, preview) = match start_server(exe, &order).await {
        Ok((url, preview)) => (PreviewHostReply::Ready { url }, Some(preview)),
        Err(reason) => (PreviewHostReply::Failed { reason }, None),
    };
    let mut line = serde_json::to_vec(&reply).map_err(fault)?;
    line.push(b'\n');
    answer
        .write_all(&line)
        .await
        .map_err(EngineError::io("stdout"))?;
    answer.flush().await.map_err(EngineError::io("stdout"))?;
    if let Some(preview) = preview {
        serve_until_stopped(preview, &order).await;
    }
    Ok(())
}

async fn start_server(
    exe: PathBuf,
    order: &PreviewHostRequest,
) -> Result<(String, PreviewServer), String> {
    let user = order.user.map(|(uid, gid)| SandboxUser { uid, gid });
    let landlock = order.landlock;
    let demands = KernelRequirements { landlock };
    let sandbox = match &order.docker {
        Some(docker) => Sandbox::probe_docker(docker.clone(), exe, user, demands).await,
        None if order.sandboxed => {
            Sandbox::probe_bubblewrap(SEARCH_PATH.as_ref(), exe, user, demands).await
        }
        None => Ok(Sandbox::unsandboxed(exe)),
    };
    let sandbox = sandbox.map_err(|error| error.to_string())?;
    let dirs = WorkspaceDirs::below(&order.root);
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Write), &dirs);
    spec.door = Some(dirs.door.clone());
    spec.tmp_bytes = order.tmp_bytes;
    spec.disk_bytes = order.disk_bytes;
    spec.user = user;
    let place = order.root.to_string_lossy().into_owned();
    spec.labels.insert("preview", place);
    let source = match &order.source {
        PreviewHostSource::Static(directory) => PreviewSource::Static {
            directory: directory.clone(),
        },
        PreviewHostSource::Command { line, port } => PreviewSource::Command {
            line: line.clone(),
            port: *port,
        },
    };
    spec.redactor = order.secrets.redactor();
    let fixed = command::COMMAND_ENVIRONMENT
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let secrets = order.secrets.0.iter();
    let secrets = secrets.map(|(name, value)| (name.clone(), value.to_string()));
    let env = fixed.chain(secrets).collect();
    let wanted = PreviewSpec {
        spec,
        source,
        env,
        listen: 0,
    };
    let mut preview = PreviewServer::start(&sandbox, wanted)
        .await
        .map_err(|error| error.to_string())?;
    let within = Duration::from_secs(order.health_seconds);
    preview
        .wait_until_healthy(&order.path, within)
        .await
        .map_err(|error| error.to_string())?;
    Ok((preview.url(&order.path), preview))
}

/// Serves until there is a reason to end; nothing of the server is left when this returns.
async fn serve_until_stopped(preview: PreviewServer, order: &PreviewHostRequest) {
    use tokio::signal::unix::{SignalKind, signal};
    if let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = write_log(&preview, order) => {}
        }
    }
    // Its process ends with this one in any case.
    let _ = preview.stop().await;
    // Where another process serves the demo by now, the socket is that one's.
    let ticket = std::fs::read_to_string(order.root.join(TICKET_FILE));
    if ticket.map_or(true, |found| found == order.ticket) {
        let _ = std::fs::remove_file(WorkspaceDirs::below(&order.root).door.join(WEB_SOCKET));
    }
}

/// Writes what the server prints to its log, until its ticket is no longer there: then its files were
/// removed, another process serves the demo, or nobody knows of this one.
async fn write_log(preview: &PreviewServer, order: &PreviewHostRequest) {
    let (log, ticket) = (order.root.join(LOG_FILE), order.root.join(TICKET_FILE));
    let mut written = String::new();
    while std::fs::read_to_string(&ticket).is_ok_and(|found| found == order.ticket) {
        let output = preview.output();
        if output != written && std::fs::write(&log, &output).is_ok() {
            written = output;
        }
        tokio::time::sleep(LOG_EVERY).await;
    }
}
