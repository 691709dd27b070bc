//! Package managers through the proxy: git over https, npm and pip fetch from a listed registry and
//! from no other.

use std::net::IpAddr;
use std::sync::Arc;
use std::{fs, io};

use eklavya_core::agent::role::Role;
use eklavya_core::egress::HostList;
use eklavya_gateway::egress::HostResolver;
use eklavya_gateway::{EgressConfig, EgressPolicy};
use eklavya_sandbox::{SandboxProfile, SandboxSpec, chown_tree};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::egress_door::EgressDoor;
use super::package_registry::{PackageRegistry, RegistryContents};
use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::{SandboxProject, agent_user};

/// The names and addresses of the registries. They need names because certificates are for names.
const LISTED: (&str, [u8; 4]) = ("registry.example", [127, 0, 0, 2]);
const OTHER: (&str, [u8; 4]) = ("other.example", [127, 0, 0, 3]);

#[derive(Debug)]
struct TwoHostResolver;

impl HostResolver for TwoHostResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let known = [LISTED, OTHER]
            .into_iter()
            .filter(|(known, _)| *known == name);
        let found = known.map(|(_, address)| address.into()).collect();
        Box::pin(async { Ok(found) })
    }
}

/// A developer's sandbox with a door, and two equal registries, of which one is listed.
struct PackageManagerFixture {
    project: SandboxProject,
    door: EgressDoor,
    spec: SandboxSpec,
    listed: PackageRegistry,
    other: PackageRegistry,
    _wares: RegistryContents,
}

impl PackageManagerFixture {
    async fn new() -> Self {
        let (project, packages) = (
            SandboxProject::new(SandboxBackend::Bubblewrap).await,
            RegistryContents::create().await,
        );
        let listed = PackageRegistry::open(LISTED.0, LISTED.1.into(), &packages);
        let other = PackageRegistry::open(OTHER.0, OTHER.1.into(), &packages);
        let list = HostList::parse(&listed.authority).unwrap();
        let vouched = format!("{},{}", listed.authority, other.authority);
        let config = EgressConfig {
            private_hosts: HostList::parse(&vouched).unwrap(),
            resolver: Arc::new(TwoHostResolver),
            ..EgressConfig::default()
        };
        let reach = EgressPolicy::Hosts {
            key: "egress.packages",
            list: list.into(),
        };
        let door = EgressDoor::open(&project, Role::Developer, config, reach).await;
        fs::write(
            project.dirs.home.join("ca.pem"),
            packages.authority_certificate(),
        )
        .unwrap();
        if let Some(user) = agent_user() {
            chown_tree(&project.dirs.home, user).unwrap();
        }
        Self {
            spec: project.spec(SandboxProfile::Agent(Role::Developer)),
            project,
            door,
            listed,
            other,
            _wares: packages,
        }
    }

    /// Runs a shell line in which `REGISTRY` stands for the URL of a registry; returns whether it
    /// succeeded, and its output.
    async fn fetch(&self, line: &str, registry: &PackageRegistry) -> (bool, String) {
        let home = self.project.dirs.home.display();
        let url = format!("https://{}", registry.authority);
        let line = format!(
            "export HOME={home}; cd \"$HOME\"; {}",
            line.replace("REGISTRY", &url)
        );
        let outcome = self.door.run(&self.project, &self.spec, &line).await;
        (outcome.exit.is_success(), outcome.output)
    }

    /// Asserts that `line` prints `words` with the listed registry, and that it cannot reach the
    /// other registry.
    async fn assert_only_listed(self, line: &str, words: &str) {
        let (done, output) = self.fetch(line, &self.listed).await;
        assert!(done && output.contains(words), "{output}");
        assert!(!self.listed.requested_paths().is_empty());
        let (done, output) = self.fetch(line, &self.other).await;
        assert!(!done && !output.contains(words), "{output}");
        assert_eq!(self.other.requested_paths(), Vec::<String>::new());
        let (listed, other) = (self.listed.authority, self.other.authority);
        let trail = self.door.close().await;
        let decided = |target: &str, decision: &str| {
            let is = |line: &&Value| line["target"] == target && line["decision"] == decision;
            trail.iter().filter(is).count()
        };
        assert!(
            decided(&listed, "allowed") > 0 && decided(&other, "denied") > 0,
            "{trail:#?}"
        );
        assert_eq!(decided(&other, "allowed"), 0, "{trail:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_over_https_only_from_a_listed_host() {
    let line = "rm -rf lib; git -c http.sslCAInfo=\"$HOME/ca.pem\" clone -q REGISTRY/lib/.git lib && cat lib/README";
    PackageManagerFixture::new()
        .await
        .assert_only_listed(line, "a library")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_only_from_a_listed_registry() {
    let line = "rm -rf app; mkdir app && cd app && npm install --registry REGISTRY/npm/ --cafile \"$HOME/ca.pem\" \
        --cache ./cache --fetch-retries 0 --no-audit --no-fund --no-update-notifier greet && \
        node -p 'require(\"greet\")'";
    PackageManagerFixture::new()
        .await
        .assert_only_listed(line, "hello from npm")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_only_from_a_listed_registry() {
    let line = "rm -rf py; /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir \
        --retries 0 --index-url REGISTRY/pip --cert \"$HOME/ca.pem\" --target py greet && \
        PYTHONPATH=py /usr/bin/python3 -c 'import greet; print(greet.words)'";
    PackageManagerFixture::new()
        .await
        .assert_only_listed(line, "hello from pip")
        .await;
}
