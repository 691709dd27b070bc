//! The process behind a preview URL: it serves one demo until it is told to end.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::error::WorkflowError;
use super::trial;
use eklavya_core::domain::redactor::Redactor;
use eklavya_core::domain::secret::SecretName;
use eklavya_sandbox::docker::DockerSettings;
use eklavya_sandbox::{
    Access, Demands, Dirs, Preview, PreviewSource, PreviewSpec, Profile, Sandbox, Spec, User,
    WEB_SOCKET,
};
use eklavya_services::secrets::variables;

/// The hidden subcommand that serves a preview.
pub const HOST_COMMAND: &str = "preview-host";
/// The file with what its process was told to serve for: once that is gone or another one's, the
/// process ends.
pub(super) const TICKET: &str = "ticket";
/// The file with what a server printed.
pub(super) const LOG: &str = "preview.log";
/// Where programs are looked for.
pub(super) const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How often what a server prints is written to its log.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// What the process that serves a preview is told, as one JSON document on its stdin.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) root: PathBuf,
    pub(super) ticket: String,
    pub(super) source: Source,
    pub(super) path: String,
    pub(super) health_seconds: u64,
    pub(super) tmp_bytes: u64,
    pub(super) disk_bytes: u64,
    pub(super) landlock: u32,
    pub(super) user: Option<(u32, u32)>,
    pub(super) sandboxed: bool,
    pub(super) secrets: Secrets,
    /// Where the isolation is Docker, which.
    pub(super) docker: Option<DockerSettings>,
}

/// Secrets for the server's environment: name and value. They are in the order, which goes through a
/// pipe, and nowhere else.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secrets(Vec<(String, Zeroizing<String>)>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Secrets {
    pub(super) fn of(given: &[(SecretName, SecretString)]) -> Self {
        let plain =
            |(name, value): (&str, &str)| (name.to_owned(), Zeroizing::new(value.to_owned()));
        Self(variables(given).into_iter().map(plain).collect())
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
pub(super) enum Source {
    Static(PathBuf),
    Command { line: String, port: u16 },
}

/// What that process answers, as one line of JSON on its stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Ready { url: String },
    Failed { reason: String },
}

/// Serves a preview until it is told to end: the whole life of the process behind a preview URL.
///
/// `exe` is the `eklavya` program. The order comes as JSON on stdin, the answer goes as a line of JSON to `answer`.
pub async fn host(
    exe: PathBuf,
    mut answer: impl tokio::io::AsyncWrite + Unpin,
) -> Result<(), WorkflowError> {
    let fault =
        |error: serde_json::Error| WorkflowError::Failed(format!("the preview's order: {error}"));
    // A session of its own: it must not end with the terminal of the command that started it.
    let _ = nix::unistd::setsid();
    let mut text = Vec::new();
    tokio::io::stdin()
        .read_to_end(&mut text)
        .await
        .map_err(WorkflowError::io("stdin"))?;
    let order: Order = serde_json::from_slice(&text).map_err(fault)?;
    let (reply, preview) = match serve(exe, &order).await {
        Ok((url, preview)) => (Answer::Ready { url }, Some(preview)),
        Err(reason) => (Answer::Failed { reason }, None),
    };
    let mut line = serde_json::to_vec(&reply).map_err(fault)?;
    line.push(b'\n');
    answer
        .write_all(&line)
        .await
        .map_err(WorkflowError::io("stdout"))?;
    answer.flush().await.map_err(WorkflowError::io("stdout"))?;
    if let Some(preview) = preview {
        keep(preview, &order).await;
    }
    Ok(())
}

async fn serve(exe: PathBuf, order: &Order) -> Result<(String, Preview), String> {
    let user = order.user.map(|(uid, gid)| User { uid, gid });
    let landlock = order.landlock;
    let demands = Demands { landlock };
    let sandbox = match &order.docker {
        Some(docker) => Sandbox::docker(docker.clone(), exe, user, demands).await,
        None if order.sandboxed => Sandbox::probe(SEARCH_PATH.as_ref(), exe, user, demands).await,
        None => Ok(Sandbox::none(exe)),
    };
    let sandbox = sandbox.map_err(|error| error.to_string())?;
    let dirs = Dirs::at(&order.root);
    let mut spec = Spec::new(Profile::Command(Access::Write), &dirs);
    spec.door = Some(dirs.door.clone());
    spec.tmp_bytes = order.tmp_bytes;
    spec.disk_bytes = order.disk_bytes;
    spec.user = user;
    let place = order.root.to_string_lossy().into_owned();
    spec.labels.insert("preview", place);
    let source = match &order.source {
        Source::Static(directory) => PreviewSource::Static {
            directory: directory.clone(),
        },
        Source::Command { line, port } => PreviewSource::Command {
            line: line.clone(),
            port: *port,
        },
    };
    spec.redactor = order.secrets.redactor();
    let fixed = trial::ENVIRONMENT
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
    let mut preview = Preview::start(&sandbox, wanted)
        .await
        .map_err(|error| error.to_string())?;
    let within = Duration::from_secs(order.health_seconds);
    preview
        .health(&order.path, within)
        .await
        .map_err(|error| error.to_string())?;
    Ok((preview.url(&order.path), preview))
}

/// Serves until there is a reason to end; nothing of the server is left when this returns.
async fn keep(preview: Preview, order: &Order) {
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
    let ticket = std::fs::read_to_string(order.root.join(TICKET));
    if ticket.map_or(true, |found| found == order.ticket) {
        let _ = std::fs::remove_file(Dirs::at(&order.root).door.join(WEB_SOCKET));
    }
}

/// Writes what the server prints to its log, until its ticket is no longer there: then its files were
/// removed, another process serves the demo, or nobody knows of this one.
async fn write_log(preview: &Preview, order: &Order) {
    let (log, ticket) = (order.root.join(LOG), order.root.join(TICKET));
    let mut written = String::new();
    while std::fs::read_to_string(&ticket).is_ok_and(|found| found == order.ticket) {
        let output = preview.output();
        if output != written && std::fs::write(&log, &output).is_ok() {
            written = output;
        }
        tokio::time::sleep(LOG_EVERY).await;
    }
}
