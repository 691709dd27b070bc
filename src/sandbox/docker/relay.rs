//! `eklavya sandbox-docker`: the process that represents a container to the caller.
//!
//! It has the engine create and start the container, and passes the standard streams to it. From then
//! on it does not need the engine: signals and the exit code are sent over the link
//! ([`crate::inside::container::container_link`]), and the container has ended when its first process
//! on this host has. It may be killed by any signal: then the link closes, and the container ends.

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

use super::container_dir::ContainerDir;
use super::container_owner::ContainerOwner;
use super::engine::DockerEngine;
use super::running_container::{ForwardedSignals, RunningContainer};
use crate::docker_error::DockerError;
use crate::supervision::{container_process, supervise};
use crate::user::SandboxUser;

/// The subcommand's name.
pub const NAME: &str = container_process::RELAY;

/// How long a container may take from its start until it connects.
const CONNECT_TIMEOUT: Duration = Duration::from_mins(1);
/// The bytes that are kept of the output of a container that never connects.
const MAX_OUTPUT_BYTES: usize = 4096;
/// The argument for "no status descriptor".
const NO_STATUS: &str = "-";

/// What the relay has to do. It gets it as JSON in a file in memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ContainerPlan {
    pub engine: DockerEngine,
    pub stage: ContainerDir,
    pub body: ContainerCreateBody,
    /// The user id of the container's processes.
    pub uid: u32,
    pub gid: u32,
}

/// Returns the arguments, with the numbers of the descriptors that the child inherits.
pub(super) fn arguments(plan: i32, config: i32, status: Option<i32>) -> [OsString; 5] {
    let status = status.map_or_else(|| NO_STATUS.to_owned(), |fd| fd.to_string());
    [
        NAME.into(),
        std::process::id().to_string().into(),
        plan.to_string().into(),
        config.to_string().into(),
        status.into(),
    ]
}

/// Runs the container to its end, forwards signals to it, and returns its exit code.
///
/// # Errors
/// The container could not be created or started, or the owner has ended.
pub fn main(args: &[OsString]) -> Result<u8, String> {
    let [owner, plan, config, status] = args else {
        return Err("this command is for internal use: OWNER PLAN CONFIG STATUS".to_owned());
    };
    supervise::die_with_owner(supervise::parse_number(owner)?)?;
    let plan: ContainerPlan =
        serde_json::from_reader(reopen_fd(plan, OpenOptions::new().read(true))?)
            .map_err(|error| format!("the plan of the container cannot be read: {error}"))?;
    let config = reopen_fd(config, OpenOptions::new().read(true))?;
    let status = match status.to_str() {
        Some(NO_STATUS) => None,
        _ => Some(reopen_fd(status, OpenOptions::new().write(true))?),
    };
    supervise::build_runtime()?.block_on(run_container(&plan, config, status))
}

/// Reopens the file of the descriptor `number`, and closes that descriptor.
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
    config: File,
    status: Option<File>,
) -> Result<u8, String> {
    let directory = &plan.stage;
    let mut signals = ForwardedSignals::listen().map_err(|error| error.to_string())?;
    std::env::set_current_dir(&directory.path)
        .and_then(|()| directory.write_owner(std::process::id()))
        .map_err(|error| format!("cannot use {}: {error}", directory.path.display()))?;
    let started = tokio::select! {
        started = start_container(plan, config) => started,
        signal = signals.next() => Err(format!("{signal} stopped the container before it started")),
    };
    let ended = match started {
        Ok(running) => Ok(running.run_to_end(&mut signals, status).await),
        Err(error) => {
            remove_container(plan).await;
            Err(error)
        }
    };
    directory.remove();
    ended
}

/// Removes the container if it was created.
async fn remove_container(plan: &ContainerPlan) {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        ..RemoveContainerOptions::default()
    };
    if let Ok(client) = plan.engine.connect() {
        let name = plan.stage.container_name();
        // If the engine does not answer, the next worker that starts removes the container.
        let _ = client.remove_container(&name, Some(options)).await;
    }
}

/// Creates and starts the container, and passes the standard streams to it.
async fn start_container(plan: &ContainerPlan, config: File) -> Result<RunningContainer, String> {
    let directory = &plan.stage;
    let user = SandboxUser {
        uid: plan.uid,
        gid: plan.gid,
    };
    let listener = directory
        .listen(user)
        .map_err(|error| format!("cannot listen in {}: {error}", directory.path.display()))?;
    let output = create_container(plan)
        .await
        .map_err(|error| error.to_string())?;
    let running = tokio::select! {
        running = accept_container(&listener, directory, config) => running?,
        output = read_last_output(output) => return Err(explain_early_end(&output)),
        () = tokio::time::sleep(CONNECT_TIMEOUT) => return Err(format!(
            "the container did not connect within {} s", CONNECT_TIMEOUT.as_secs()
        )),
    };
    // The program inside must not connect to it.
    let _ = directory.remove_socket();
    Ok(running)
}

type ContainerOutput =
    Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Has the engine create and start the container. Returns the output of the container.
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
    let created = client.create_container(Some(options), body).await;
    created.map_err(refused("create a container"))?;
    let options = AttachContainerOptions {
        stream: true,
        stdout: true,
        stderr: true,
        ..AttachContainerOptions::default()
    };
    let attached = client.attach_container(&name, Some(options)).await;
    let attached = attached.map_err(refused("attach to a container"))?;
    let options = None::<StartContainerOptions>;
    let started = client.start_container(&name, options).await;
    started.map_err(refused("start a container"))?;
    Ok(attached.output)
}

/// Accepts the connection of the container and passes the standard streams of this process to it. This
/// process closes them.
async fn accept_container(
    listener: &UnixListener,
    directory: &ContainerDir,
    config: File,
) -> Result<RunningContainer, String> {
    let failed =
        |error: std::io::Error| format!("cannot pass the streams to the container: {error}");
    let (link, _) = listener.accept().await.map_err(failed)?;
    // Before the container gets its configuration: a program that ends at once is gone afterwards.
    let running = RunningContainer::new(link, directory)?;
    let fds = [stdin(), stdout(), stderr(), config.as_fd()];
    running.send_streams(fds).map_err(failed)?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(failed)?;
    rustix::stdio::dup2_stdin(&null)
        .and_then(|()| rustix::stdio::dup2_stdout(&null))
        .map_err(|errno| failed(errno.into()))?;
    Ok(running)
}

/// Returns the output of a container up to its end.
async fn read_last_output(mut output: ContainerOutput) -> String {
    let mut kept = Vec::new();
    while let Some(Ok(chunk)) = output.next().await {
        kept.extend_from_slice(&chunk.into_bytes());
        kept.truncate(MAX_OUTPUT_BYTES);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Explains the end of a container that never connected.
fn explain_early_end(output: &str) -> String {
    match output {
        "" => "the container ended before its program started".to_owned(),
        // The loader prints these if a library or the version of a symbol is missing.
        output if output.contains("GLIBC_") || output.contains("loading shared libraries") => {
            let reason = output.to_owned();
            DockerError::Unfit { reason }.to_string()
        }
        output => format!("the container ended before its program started: {output}"),
    }
}
