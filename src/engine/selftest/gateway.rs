//! The gateway of the selftest, with host names that only it resolves and one server that answers for
//! all of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::preview::{self, SelftestPreview};
use super::server::SelftestServer;
use crate::agent::egress;
use crate::context::error::EngineError;
use eklavya_config::EgressSettings;
use eklavya_core::clock::SharedClock;
use eklavya_core::egress::HostList;
use eklavya_core::ids::{AgentId, ProjectId, TaskId};
use eklavya_gateway::egress::HostResolver;
use eklavya_gateway::{
    AgentDoor, DoorSpec, EgressConfig, Gateway, GatewayConfig, GatewayTimeouts, ModelSource,
    PriceTable, RehearsalScript,
};
use eklavya_sandbox::SandboxUser;
use eklavya_sandbox::selftest::{HostKind, ReachableHosts, TestWorkspace, create_test_dir};
use eklavya_services::DataStore;
use eklavya_services::costs::{CostTracker, DefaultLimits};
use eklavya_store::{DatabaseLocation, Store};

/// The name of the project, its task and its worker.
const PROJECT: &str = "selftest";
/// The gateway needs a model; no agent uses this one.
const UNUSED_REHEARSAL: &str =
    "rehearsal: 1\nagents:\n  - role: developer\n    steps:\n      - text: none\n";

#[derive(Debug)]
pub(crate) struct SelftestGateway {
    _directory: TempDir,
    gateway: Gateway,
    server: SelftestServer,
    lists: EgressSettings,
}

impl SelftestGateway {
    /// Starts the gateway with host lists of its own.
    pub(crate) async fn new(place: &Path, clock: SharedClock) -> Result<Self, EngineError> {
        let directory = create_test_dir(place).map_err(setup_error)?;
        let server = SelftestServer::start().await.map_err(setup_error)?;
        let lists = selftest_host_lists(server.address().port())?;
        let file = directory.path().join("selftest.db");
        let store = Store::create(&DatabaseLocation::File(file)).await;
        let data = DataStore::new(store.map_err(setup_error)?, clock.clone());
        let gateway = Gateway::start(gateway_config(data, clock, &lists)?);
        Ok(Self {
            gateway: gateway.map_err(setup_error)?,
            _directory: directory,
            server,
            lists,
        })
    }

    /// Opens the door of the workspace's role. Returns it with the hosts that the role tries to reach.
    pub(crate) fn open_door(
        &self,
        workspace: &TestWorkspace,
        owner: Option<SandboxUser>,
    ) -> Result<(AgentDoor, ReachableHosts), EngineError> {
        let preview = SelftestPreview(self.server.address());
        let reach =
            egress::reach_of_network_class(workspace.role, &self.lists, || Arc::new(preview));
        let door = self.gateway.open_door(DoorSpec {
            project: ProjectId::random(),
            slug: PROJECT.to_owned(),
            task: TaskId::random(),
            task_key: PROJECT.to_owned(),
            agent: AgentId::random(),
            role: workspace.role,
            attempt: 1,
            socket_dir: workspace.dirs.door.clone(),
            owner: owner.map(|user| (user.uid, user.gid)),
            variables: [].into(),
            egress_policy: reach,
        });
        let door = door.map_err(setup_error)?;
        let reachable = self.reachable_hosts(&door);
        Ok((door, reachable))
    }

    fn reachable_hosts(&self, door: &AgentDoor) -> ReachableHosts {
        let port = self.server.address().port();
        let hosts = HostKind::ALL.map(|kind| (kind, destination_host(kind, port)));
        ReachableHosts {
            login: format!("agent:{}", door.token().expose_secret()),
            hosts: hosts.into(),
        }
    }

    /// Stops the gateway once everything is written.
    pub(crate) async fn close(self) {
        self.gateway.shutdown().await;
    }
}

fn gateway_config(
    data: DataStore,
    clock: SharedClock,
    lists: &EgressSettings,
) -> Result<GatewayConfig, EngineError> {
    let script = RehearsalScript::parse(Path::new(PROJECT), UNUSED_REHEARSAL.as_bytes());
    Ok(GatewayConfig {
        model: ModelSource::Rehearsal(Arc::new(script.map_err(setup_error)?)),
        pricing: Arc::new(PriceTable::embedded()?),
        costs: CostTracker::new(data, DefaultLimits::default()),
        clock,
        worker: PROJECT.to_owned(),
        max_output_tokens: None,
        requests_per_minute: None,
        timeouts: GatewayTimeouts::default(),
        recorder: None,
        egress: EgressConfig {
            private_hosts: lists.private.clone(),
            resolver: Arc::new(LoopbackResolver),
            ..EgressConfig::default()
        },
    })
}

fn setup_error(error: impl std::fmt::Display) -> EngineError {
    EngineError::Failed(error.to_string())
}

/// Returns a host of the kind, with its port. The names are reserved for examples (RFC 2606, 6761).
fn destination_host(kind: HostKind, port: u16) -> String {
    match kind {
        HostKind::Research => format!("research.example:{port}"),
        HostKind::Packages => format!("packages.example:{port}"),
        HostKind::Metrics => format!("metrics.example:{port}"),
        HostKind::Preview => format!("{}:80", preview::PREVIEW_HOST),
        HostKind::Public => format!("public.example:{port}"),
        HostKind::Private => format!("private.example:{port}"),
    }
}

/// Returns lists of one host each. All names resolve to this machine, so the hosts that represent
/// public ones are also listed as private, as an admin lists a mirror.
fn selftest_host_lists(port: u16) -> Result<EgressSettings, EngineError> {
    let list = |kinds: &[HostKind]| {
        let hosts = kinds.iter().map(|kind| destination_host(*kind, port));
        let hosts: Vec<String> = hosts.collect();
        HostList::parse(&hosts.join(",")).map_err(setup_error)
    };
    Ok(EgressSettings {
        packages: list(&[HostKind::Packages])?,
        research: list(&[HostKind::Research])?,
        metrics: list(&[HostKind::Metrics])?,
        private: list(&[
            HostKind::Packages,
            HostKind::Research,
            HostKind::Metrics,
            HostKind::Public,
        ])?,
        max_connection_bytes: None,
    })
}

/// Resolves every name to this machine.
#[derive(Debug)]
struct LoopbackResolver;

impl HostResolver for LoopbackResolver {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(ready(Ok(vec![Ipv4Addr::LOCALHOST.into()])))
    }
}
