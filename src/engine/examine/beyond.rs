//! What is beyond the doors of an examination: a gateway, names that it alone knows, and one server
//! that answers for all of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::preview::{self, OnePreview};
use super::server::Server;
use crate::egress;
use crate::error::WorkflowError;
use eklavya_config::EgressSettings;
use eklavya_core::clock::SharedClock;
use eklavya_core::domain::egress::HostList;
use eklavya_core::domain::ids::{AgentId, ProjectId, TaskId};
use eklavya_gateway::egress::Resolve;
use eklavya_gateway::{
    Door, DoorSpec, EgressConfig, Gateway, GatewayConfig, ModelSource, Patience, Pricing, Script,
};
use eklavya_sandbox::User;
use eklavya_sandbox::examine::{Beyond, Destination, Ground, directory_in};
use eklavya_services::Desk;
use eklavya_services::costs::{Costs, DefaultLimits};
use eklavya_store::{Location, Store};

/// What the project, its task and its worker are called.
const PROJECT: &str = "examination";
/// Nobody asks the model for anything: it is played by a rehearsal that says nothing.
const NO_MODEL: &str =
    "rehearsal: 1\nagents:\n  - role: developer\n    steps:\n      - text: none\n";

/// The world beyond the doors.
#[derive(Debug)]
pub(super) struct World {
    _directory: TempDir,
    gateway: Gateway,
    server: Server,
    lists: EgressSettings,
}

impl World {
    /// Starts a gateway over lists of the examination's own.
    pub(super) async fn new(place: &Path, clock: SharedClock) -> Result<Self, WorkflowError> {
        let directory = directory_in(place).map_err(failed)?;
        let server = Server::start().await.map_err(failed)?;
        let lists = lists(server.address().port())?;
        let file = directory.path().join("examination.db");
        let store = Store::create(&Location::File(file)).await;
        let desk = Desk::new(store.map_err(failed)?, clock.clone());
        let script = Script::parse(Path::new("examination"), NO_MODEL.as_bytes());
        let gateway = Gateway::start(GatewayConfig {
            model: ModelSource::Rehearsal(Arc::new(script.map_err(failed)?)),
            pricing: Arc::new(Pricing::embedded()?),
            costs: Costs::new(desk, DefaultLimits::default()),
            clock,
            worker: PROJECT.to_owned(),
            max_output_tokens: None,
            requests_per_minute: None,
            patience: Patience::default(),
            recorder: None,
            egress: EgressConfig {
                private: lists.private.clone(),
                resolver: Arc::new(OwnNames),
                ..EgressConfig::default()
            },
        });
        Ok(Self {
            gateway: gateway.map_err(failed)?,
            _directory: directory,
            server,
            lists,
        })
    }

    /// Opens the door of the role whose ground it is; returns what the role finds beyond it.
    pub(super) fn open_door(
        &self,
        ground: &Ground,
        owner: Option<User>,
    ) -> Result<(Door, Beyond), WorkflowError> {
        let preview = OnePreview(self.server.address());
        let reach = egress::by_class(ground.role, &self.lists, || Arc::new(preview));
        let door = self.gateway.open_door(DoorSpec {
            project: ProjectId::random(),
            slug: PROJECT.to_owned(),
            task: TaskId::random(),
            task_key: PROJECT.to_owned(),
            agent: AgentId::random(),
            role: ground.role,
            attempt: 1,
            socket_dir: ground.dirs.door.clone(),
            owner: owner.map(|user| (user.uid, user.gid)),
            variables: [].into(),
            reach,
        });
        let door = door.map_err(failed)?;
        let port = self.server.address().port();
        let hosts = Destination::ALL.map(|one| (one, host(one, port)));
        let beyond = Beyond {
            login: format!("agent:{}", door.token().expose_secret()),
            hosts: hosts.into(),
        };
        Ok((door, beyond))
    }

    /// Ends it, once everything is written down.
    pub(super) async fn close(self) {
        self.gateway.shutdown().await;
    }
}

fn failed(error: impl std::fmt::Display) -> WorkflowError {
    WorkflowError::Failed(error.to_string())
}

/// Returns a host of a kind, with its port. The names are reserved for examples (RFC 2606, 6761).
fn host(destination: Destination, port: u16) -> String {
    match destination {
        Destination::Research => format!("research.example:{port}"),
        Destination::Packages => format!("packages.example:{port}"),
        Destination::Metrics => format!("metrics.example:{port}"),
        Destination::Preview => format!("{}:80", preview::NAME),
        Destination::Public => format!("public.example:{port}"),
        Destination::Private => format!("private.example:{port}"),
    }
}

/// Returns lists that have one host each. All names lead to this machine: what stands for public
/// hosts is vouched for, as an admin vouches for a mirror.
fn lists(port: u16) -> Result<EgressSettings, WorkflowError> {
    let list = |destinations: &[Destination]| {
        let hosts: Vec<String> = destinations.iter().map(|one| host(*one, port)).collect();
        HostList::parse(&hosts.join(",")).map_err(failed)
    };
    Ok(EgressSettings {
        packages: list(&[Destination::Packages])?,
        research: list(&[Destination::Research])?,
        metrics: list(&[Destination::Metrics])?,
        private: list(&[
            Destination::Packages,
            Destination::Research,
            Destination::Metrics,
            Destination::Public,
        ])?,
        bytes: None,
    })
}

/// Every name is this machine.
#[derive(Debug)]
struct OwnNames;

impl Resolve for OwnNames {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(ready(Ok(vec![Ipv4Addr::LOCALHOST.into()])))
    }
}
