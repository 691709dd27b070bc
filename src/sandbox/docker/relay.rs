//! `eklavya sandbox-docker`: the process that stands for a container towards whoever starts it.
//!
//! It has the engine make and start the container, hands it the standard streams, and from then on
//! needs the engine no more: signals and the exit code go over the link ([`super::link`]), the end
//! of the container is the end of a process of this host. It may be killed in any way: the link
//! breaks then, and the container ends with it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, RemoveContainerOptions, StartContainerOptions,
};
use futures_util::{Stream, StreamExt};
use rustix::stdio::{stderr, stdin, stdout};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

use super::super::spec::SandboxUser;
use super::engine::DockerEngine;
use crate::docker::container_dir::ContainerDir;
use crate::docker::container_owner::ContainerOwner;
use crate::docker::running_container::{ForwardedSignals, RunningContainer};
use crate::docker_error::DockerError;
use crate::launch::relay;
use crate::supervision::supervise;

/// The subcommand's name.
pub const NAME: &str = "sandbox-docker";

/// How long a container may take from its start to its first word.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes kept of what a container says that never comes to its first word.
const WORDS: usize = 4096;
/// Stands for "no report is asked for".
const NO_REPORT: &str = "-";

/// What it is told, as JSON in a file in memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ContainerPlan {
    pub engine: DockerEngine,
    pub stage: ContainerDir,
    pub body: ContainerCreateBody,
    /// Whom the processes of the container run as.
    pub uid: u32,
    pub gid: u32,
}

/// Returns the arguments, with the numbers of the descriptors that go along.
pub(super) fn arguments(plan: i32, order: i32, report: Option<i32>) -> [OsString; 5] {
    let report = report.map_or_else(|| NO_REPORT.to_owned(), |fd| fd.to_string());
    [
        NAME.into(),
        std::process::id().to_string().into(),
        plan.to_string().into(),
        order.to_string().into(),
        report.into(),
    ]
}

/// Runs the container to its end, passes on signals and its code.
///
/// # Errors
/// It could not be made or started, or the owner is gone.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, plan, order, report] = args else {
        return Err("it is for internal use: OWNER PLAN ORDER REPORT".to_owned());
    };
    relay::die_with_owner(supervise::parse_number(owner)?)?;
    let plan: ContainerPlan =
        serde_json::from_reader(reopen_fd(plan, OpenOptions::new().read(true))?)
            .map_err(|error| format!("its plan cannot be read: {error}"))?;
    let order = reopen_fd(order, OpenOptions::new().read(true))?;
    let report = match report.to_str() {
        Some(NO_REPORT) => None,
        _ => Some(reopen_fd(report, OpenOptions::new().write(true))?),
    };
    supervise::build_runtime()?.block_on(run_container(&plan, order, report))
}

/// Opens what the descriptor of this number stands for anew, and closes the number.
fn reopen_fd(number: &OsStr, options: &OpenOptions) -> Result<File, String> {
    let number = supervise::parse_number(number)?;
    let failed = |error: std::io::Error| format!("descriptor {number}: {error}");
    let file = options.open(format!("/proc/self/fd/{number}"));
    let file = file.map_err(failed)?;
    nix::unistd::close(i32::try_from(number).unwrap_or(-1))
        .map_err(|errno| failed(errno.into()))?;
    Ok(file)
}

async fn run_container(
    plan: &ContainerPlan,
    order: File,
    report: Option<File>,
) -> Result<u8, String> {
    let stage = &plan.stage;
    let mut requests = ForwardedSignals::listen().map_err(|error| error.to_string())?;
    std::env::set_current_dir(&stage.path)
        .and_then(|()| stage.write_owner(std::process::id()))
        .map_err(|error| format!("cannot use {}: {error}", stage.path.display()))?;
    let begun = tokio::select! {
        begun = start_container(plan, order) => begun,
        signal = requests.next() => Err(format!("it was stopped by {signal} before it began")),
    };
    let ended = match begun {
        Ok(running) => Ok(running.run_to_end(&mut requests, report).await),
        Err(error) => {
            remove_container(plan).await;
            Err(error)
        }
    };
    stage.remove();
    ended
}

/// Removes the container, if it was made.
async fn remove_container(plan: &ContainerPlan) {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        ..RemoveContainerOptions::default()
    };
    if let Ok(client) = plan.engine.connect() {
        let name = plan.stage.container_name();
        // Where the engine is away, the next worker that starts removes it.
        let _ = client.remove_container(&name, Some(options)).await;
    }
}

/// Has the container made and started, and hands it its streams.
async fn start_container(plan: &ContainerPlan, order: File) -> Result<RunningContainer, String> {
    let stage = &plan.stage;
    let user = SandboxUser {
        uid: plan.uid,
        gid: plan.gid,
    };
    let listener = stage
        .listen(user)
        .map_err(|error| format!("cannot listen in {}: {error}", stage.path.display()))?;
    let words = create_container(plan)
        .await
        .map_err(|error| error.to_string())?;
    let running = tokio::select! {
        running = accept_container(&listener, stage, order) => running?,
        last_words = read_last_output(words) => return Err(explain_early_end(&last_words)),
        () = tokio::time::sleep(PATIENCE) => return Err(format!(
            "the container said nothing within {} s", PATIENCE.as_secs()
        )),
    };
    // Whoever is in there has no use for it.
    let _ = stage.remove_socket();
    Ok(running)
}

type ContainerOutput =
    Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Has the engine make and start the container; returns what the container says.
async fn create_container(plan: &ContainerPlan) -> Result<ContainerOutput, DockerError> {
    let engine = &plan.engine;
    let refused = |what| move |error| engine.request_error(what, &error);
    let client = engine.connect()?;
    let name = plan.stage.container_name();
    let mut body = plan.body.clone();
    ContainerOwner::of_this_process().write_labels(body.labels.get_or_insert_default());
    let options = CreateContainerOptions {
        name: Some(name.clone()),
        ..CreateContainerOptions::default()
    };
    let made = client.create_container(Some(options), body).await;
    made.map_err(refused("make a container"))?;
    let options = AttachContainerOptions {
        stream: true,
        stdout: true,
        stderr: true,
        ..AttachContainerOptions::default()
    };
    let attached = client.attach_container(&name, Some(options)).await;
    let attached = attached.map_err(refused("listen to a container"))?;
    let options = None::<StartContainerOptions>;
    let started = client.start_container(&name, options).await;
    started.map_err(refused("start a container"))?;
    Ok(attached.output)
}

/// Lets the container in and hands it the streams of this process, which lets go of them.
async fn accept_container(
    listener: &UnixListener,
    stage: &ContainerDir,
    order: File,
) -> Result<RunningContainer, String> {
    let failed = |error: std::io::Error| format!("cannot greet the container: {error}");
    let (link, _) = listener.accept().await.map_err(failed)?;
    // Before it has its order: a program that ends at once would be gone by then.
    let running = RunningContainer::new(link, stage)?;
    let fds = [stdin(), stdout(), stderr(), order.as_fd()];
    running.send_streams(fds).map_err(failed)?;
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null");
    let nothing = nothing.map_err(failed)?;
    rustix::stdio::dup2_stdin(&nothing)
        .and_then(|()| rustix::stdio::dup2_stdout(&nothing))
        .map_err(|errno| failed(errno.into()))?;
    Ok(running)
}

/// Returns what a container says until it ends.
async fn read_last_output(mut words: ContainerOutput) -> String {
    let mut kept = Vec::new();
    while let Some(Ok(word)) = words.next().await {
        kept.extend_from_slice(&word.into_bytes());
        kept.truncate(WORDS);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Explains the end of a container that never came to its first word.
fn explain_early_end(said: &str) -> String {
    match said {
        "" => "the container ended before it began".to_owned(),
        // What the loader says where a symbol's version is missing.
        said if said.contains("GLIBC_") || said.contains("loading shared libraries") => {
            let reason = said.to_owned();
            DockerError::Unfit { reason }.to_string()
        }
        said => format!("the container ended before it began: {said}"),
    }
}
