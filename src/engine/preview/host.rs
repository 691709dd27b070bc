//! The process behind a preview URL: it serves one demo until it is stopped.

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
/// The file with the ticket of the serving process: without the file, or with another ticket in it,
/// the process ends.
pub(crate) const TICKET_FILE: &str = "ticket";
/// The file with the output of the server.
pub(crate) const LOG_FILE: &str = "preview.log";
/// How often the output of the server is written to its log.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// The request to the process that serves a preview, as one JSON document on its stdin.
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
    /// Set if the isolation is Docker.
    pub(crate) docker: Option<DockerSettings>,
}

/// Names and values of secrets for the environment of the server. They are only in the request,
/// which goes through a pipe.
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

    /// Returns the fixed environment of commands with the secrets.
    fn server_environment(&self) -> Vec<(String, String)> {
        let fixed = command::COMMAND_ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let secrets = self.0.iter();
        let secrets = secrets.map(|(name, value)| (name.clone(), value.to_string()));
        fixed.chain(secrets).collect()
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

/// The answer of the process, as one line of JSON on its stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum PreviewHostReply {
    Ready { url: String },
    Failed { reason: String },
}

/// Serves a preview until it is stopped: the main function of the process behind a preview URL.
///
/// `exe` is the `eklavya` program. The request is JSON on stdin, the reply a line of JSON to `answer`.
pub async fn run_preview_host(
    exe: PathBuf,
    mut answer: impl tokio::io::AsyncWrite + Unpin,
) -> Result<(), EngineError> {
    // The process must survive the terminal of the command that started it.
    let _ = nix::unistd::setsid();
    let request = read_request().await?;
    let (reply, preview) = match start_server(exe, &request).await {
        Ok((url, preview)) => (PreviewHostReply::Ready { url }, Some(preview)),
        Err(reason) => (PreviewHostReply::Failed { reason }, None),
    };
    let mut line = serde_json::to_vec(&reply).map_err(|error| exchange_error(&error))?;
    line.push(b'\n');
    answer
        .write_all(&line)
        .await
        .map_err(EngineError::io("stdout"))?;
    answer.flush().await.map_err(EngineError::io("stdout"))?;
    if let Some(preview) = preview {
        serve_until_stopped(preview, &request).await;
    }
    Ok(())
}

async fn read_request() -> Result<PreviewHostRequest, EngineError> {
    let mut text = Vec::new();
    tokio::io::stdin()
        .read_to_end(&mut text)
        .await
        .map_err(EngineError::io("stdin"))?;
    serde_json::from_slice(&text).map_err(|error| exchange_error(&error))
}

fn exchange_error(error: &serde_json::Error) -> EngineError {
    EngineError::Failed(format!("the request to the preview host: {error}"))
}

async fn start_server(
    exe: PathBuf,
    request: &PreviewHostRequest,
) -> Result<(String, PreviewServer), String> {
    let user = request.user.map(|(uid, gid)| SandboxUser { uid, gid });
    let landlock = request.landlock;
    let requirements = KernelRequirements { landlock };
    let sandbox = match &request.docker {
        Some(docker) => Sandbox::probe_docker(docker.clone(), exe, user, requirements).await,
        None if request.sandboxed => {
            Sandbox::probe_bubblewrap(SEARCH_PATH.as_ref(), exe, user, requirements).await
        }
        None => Ok(Sandbox::unsandboxed(exe)),
    };
    let sandbox = sandbox.map_err(|error| error.to_string())?;
    let spec = preview_spec(request, user);
    let mut preview = PreviewServer::start(&sandbox, spec)
        .await
        .map_err(|error| error.to_string())?;
    let timeout = Duration::from_secs(request.health_seconds);
    preview
        .wait_until_healthy(&request.path, timeout)
        .await
        .map_err(|error| error.to_string())?;
    Ok((preview.url(&request.path), preview))
}

fn preview_spec(request: &PreviewHostRequest, user: Option<SandboxUser>) -> PreviewSpec {
    let dirs = WorkspaceDirs::below(&request.root);
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Write), &dirs);
    spec.door = Some(dirs.door.clone());
    spec.tmp_bytes = request.tmp_bytes;
    spec.disk_bytes = request.disk_bytes;
    spec.user = user;
    let root = request.root.to_string_lossy().into_owned();
    spec.labels.insert("preview", root);
    spec.redactor = request.secrets.redactor();
    PreviewSpec {
        spec,
        source: preview_source(&request.source),
        env: request.secrets.server_environment(),
        listen: 0,
    }
}

fn preview_source(source: &PreviewHostSource) -> PreviewSource {
    match source {
        PreviewHostSource::Static(directory) => PreviewSource::Static {
            directory: directory.clone(),
        },
        PreviewHostSource::Command { line, port } => PreviewSource::Command {
            line: line.clone(),
            port: *port,
        },
    }
}

/// Serves until a signal or the loss of the ticket, then stops the server and its sandbox.
async fn serve_until_stopped(preview: PreviewServer, request: &PreviewHostRequest) {
    use tokio::signal::unix::{SignalKind, signal};
    if let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = write_log(&preview, request) => {}
        }
    }
    // The server ends with this process even if this fails.
    let _ = preview.stop().await;
    // If another process serves the demo now, the socket belongs to that process.
    let ticket = std::fs::read_to_string(request.root.join(TICKET_FILE));
    if ticket.map_or(true, |found| found == request.ticket) {
        let _ = std::fs::remove_file(WorkspaceDirs::below(&request.root).door.join(WEB_SOCKET));
    }
}

/// Writes the output of the server to its log until the ticket is gone: then the files were removed,
/// another process serves the demo, or this process was never recorded.
async fn write_log(preview: &PreviewServer, request: &PreviewHostRequest) {
    let (log, ticket) = (request.root.join(LOG_FILE), request.root.join(TICKET_FILE));
    let mut written = String::new();
    while std::fs::read_to_string(&ticket).is_ok_and(|found| found == request.ticket) {
        let output = preview.output();
        if output != written && std::fs::write(&log, &output).is_ok() {
            written = output;
        }
        tokio::time::sleep(LOG_EVERY).await;
    }
}
