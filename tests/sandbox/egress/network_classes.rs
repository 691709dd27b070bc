//! Every role requests every host from its sandbox: the proxy allows the hosts of its network class
//! and refuses the others, and no host is reachable without the proxy.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use eklavya_config::EgressSettings;
use eklavya_core::agent::role::Role;
use eklavya_core::egress::{EgressTarget, HostList};
use eklavya_engine::agent::egress::reach_of_network_class;
use eklavya_gateway::EgressConfig;
use eklavya_gateway::egress::HostResolver;
use eklavya_sandbox::proxy::PreviewLookup;
use eklavya_sandbox::role_policy::role_policy;
use futures_util::future::BoxFuture;

use super::egress_door::EgressDoor;
use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::SandboxProject;

const CURL: &str = "/usr/bin/curl --silent --output /dev/null --max-time 20";
/// The preview of the agent's project and one of another project, by name.
const PREVIEW: &str = "demo-1.shop.localhost";
const RIVAL: &str = "demo-1.rival.localhost";

/// A server on the host that counts its requests.
struct CountingServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl CountingServer {
    fn start(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let (address, asked) = (
            listener.local_addr().unwrap(),
            Arc::new(AtomicUsize::new(0)),
        );
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Self { address, asked }
    }

    fn request_count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct SinglePreviewNames(SocketAddr);

impl PreviewLookup for SinglePreviewNames {
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>> {
        let own = target.to_string() == format!("{PREVIEW}:80");
        Box::pin(async move { own.then_some(self.0) })
    }
}

/// A resolver that finds no name, independent of the resolver of the machine.
#[derive(Debug)]
struct EmptyResolver;

impl HostResolver for EmptyResolver {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Err(io::Error::other("there is no such name")) })
    }
}

/// The targets of requests: a host of each list, a host of no list, a preview, and a port of the
/// machine.
struct EgressTargets {
    packages: CountingServer,
    research: CountingServer,
    metrics: CountingServer,
    other: CountingServer,
    preview: CountingServer,
    machine: CountingServer,
}

impl EgressTargets {
    fn new() -> Self {
        Self {
            packages: CountingServer::start("127.0.0.2"),
            research: CountingServer::start("127.0.0.3"),
            metrics: CountingServer::start("127.0.0.4"),
            other: CountingServer::start("127.0.0.5"),
            preview: CountingServer::start("127.0.0.6"),
            machine: CountingServer::start("127.0.0.7"),
        }
    }

    fn settings(&self) -> EgressSettings {
        let list = |text: String| HostList::parse(&text).unwrap();
        let [one, two, three] = [&self.packages, &self.research, &self.metrics];
        let vouched = [one, two, three, &self.other].map(|server| server.address.to_string());
        EgressSettings {
            packages: list(one.address.to_string()),
            research: list(two.address.to_string()),
            metrics: list(three.address.to_string()),
            private: list(vouched.join(",")),
            max_connection_bytes: None,
        }
    }

    /// Returns the targets by their names in the table.
    fn targets(&self) -> [(&'static str, String); 7] {
        let of = |server: &CountingServer| server.address.to_string();
        [
            ("packages", of(&self.packages)),
            ("research", of(&self.research)),
            ("metrics", of(&self.metrics)),
            ("other host", of(&self.other)),
            ("own demo", PREVIEW.to_owned()),
            ("other demo", RIVAL.to_owned()),
            ("machine", of(&self.machine)),
        ]
    }

    fn request_count(&self) -> usize {
        let all = [&self.packages, &self.research, &self.metrics, &self.other];
        let all = all.into_iter().chain([&self.preview, &self.machine]);
        all.map(CountingServer::request_count).sum()
    }
}

/// Returns a script that requests each target once through the proxy and once without it.
///
/// A role with a shell may run servers inside its sandbox, so its programs do not use the proxy for
/// names that end in `localhost`; the script uses it for these names too.
fn probe_script(role: Role, targets: &[(&str, String)]) -> String {
    let always = if role_policy(role).has_shell() {
        "--noproxy ''"
    } else {
        ""
    };
    let mut line = String::new();
    for (name, target) in targets {
        let url = format!("http://{target}/");
        writeln!(
            line,
            "echo '{name}' by proxy $({CURL} {always} --write-out '%{{http_code}}' {url})"
        )
        .unwrap();
        writeln!(line, "{CURL} --noproxy '*' {url}; echo '{name}' past it $?").unwrap();
    }
    line
}

/// Returns the output of the request for a target, through the proxy or without it.
fn answer_for<'a>(output: &'a str, name: &str, way: &str) -> &'a str {
    let begin = format!("{name} {way} ");
    let mut lines = output.lines();
    let found = lines.find_map(|line| line.strip_prefix(begin.as_str()));
    found.unwrap_or_else(|| panic!("{begin}: {output}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_class_reaches_its_hosts_and_no_others() {
    let around = EgressTargets::new();
    let settings = around.settings();
    let mut table = String::new();
    for role in Role::ALL {
        let project = SandboxProject::new(SandboxBackend::Bubblewrap).await;
        let config = EgressConfig {
            private_hosts: settings.private.clone(),
            resolver: Arc::new(EmptyResolver),
            ..EgressConfig::default()
        };
        let preview = around.preview.address;
        let reach =
            reach_of_network_class(role, &settings, || Arc::new(SinglePreviewNames(preview)));
        let way = EgressDoor::open(&project, role, config, reach).await;
        let spec = project.probe_spec(role, &["/usr/bin/curl"]);
        let targets = around.targets();
        let before = around.request_count();
        let output = way
            .probe(&project, &spec, &probe_script(role, &targets))
            .await;
        write!(table, "{role} ({:?})", role_policy(role).network).unwrap();
        let trail = way.close().await;
        let mut reached = 0;
        for (name, target) in &targets {
            // Exit codes of curl: 7 if it cannot connect, 6 if it cannot resolve the name.
            let past = answer_for(&output, name, "past it");
            assert!(matches!(past, "7" | "6"), "{role} {name}: {output}");
            let decision = match answer_for(&output, name, "by proxy") {
                "200" => "allowed",
                "403" => "denied",
                "502" => "failed",
                other => panic!("{role} {name}: {other}"),
            };
            reached += usize::from(decision == "allowed");
            write!(table, " | {name}: {decision}").unwrap();
            let noted = trail.iter().filter(|line| {
                let audited = line["target"].as_str().unwrap();
                audited.trim_end_matches(":80") == target && line["decision"] == decision
            });
            assert_eq!(noted.count(), 1, "{role} {name}: {trail:#?}");
        }
        table.push('\n');
        assert_eq!(around.request_count() - before, reached, "{role}: {output}");
        assert_eq!(around.machine.request_count(), 0, "{role}");
    }
    insta::assert_snapshot!(table);
}

/// Shows that the sandbox is what keeps programs from bypassing the proxy.
#[tokio::test]
async fn without_a_sandbox_programs_can_bypass_the_proxy() {
    let server = CountingServer::start("127.0.0.7");
    let project = SandboxProject::unprotected().await;
    let line = format!("{CURL} --noproxy '*' http://{}/", server.address);
    let spec = project.probe_spec(Role::Developer, &[]);
    let outcome = project.run(&spec, &line).await;
    assert!(outcome.exit.is_success(), "{outcome:?}");
    assert_eq!(server.request_count(), 1);
}
