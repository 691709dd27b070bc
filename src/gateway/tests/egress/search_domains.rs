//! The machine's search domains, which must not answer for other names.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::thread;

use crate::egress::decision::resolver::{HostResolver, SystemResolver};
use eklavya_core::process;

/// The machine's search domain, whose server knows every name below it.
const DOMAIN: &str = ".corp.test";
/// The address that it returns.
const ADDRESS: [u8; 4] = [10, 9, 9, 9];

/// Responds like the name server of a network that has an address for each of its names.
fn serve_dns(socket: &UdpSocket) {
    let mut packet = [0; 512];
    while let Ok((count, asker)) = socket.recv_from(&mut packet) {
        if let Some(response) = dns_answer(&packet[..count]) {
            let _ = socket.send_to(&response, asker);
        }
    }
}

/// Returns the response to a DNS query (RFC 1035, section 4).
fn dns_answer(packet: &[u8]) -> Option<Vec<u8>> {
    const A: [u8; 2] = [0, 1];
    let (name, length) = parse_dns_name(packet.get(12..)?)?;
    let question = packet.get(12..12 + length + 4)?;
    let known = format!(".{name}").ends_with(DOMAIN);
    let found = known && question[length..length + 2] == A;
    let mut response = packet[..2].to_vec();
    // A recursive server's response; without the domain the name does not exist (NXDOMAIN).
    response.extend([0x81, if known { 0x80 } else { 0x83 }]);
    response.extend([0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    response.extend(question);
    if found {
        // The name of the query, type A, class IN, TTL 0, four bytes.
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        response.extend(ADDRESS);
    }
    Some(response)
}

/// Returns a name and its length in bytes.
fn parse_dns_name(mut bytes: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut length) = (Vec::new(), 1);
    loop {
        let size = usize::from(*bytes.first()?);
        if size == 0 {
            return Some((labels.join("."), length));
        }
        labels.push(String::from_utf8_lossy(bytes.get(1..=size)?).to_lowercase());
        bytes = bytes.get(size + 1..)?;
        length += size + 1;
    }
}

/// Writes the resolver configuration of the test machine.
fn write_etc_files(etc: &Path) {
    let search = "nameserver 127.0.0.1\nsearch corp.test\noptions timeout:1 attempts:1\n";
    for (name, text) in [
        ("resolv.conf", search),
        ("nsswitch.conf", "hosts: files dns\n"),
        ("hosts", "127.0.0.1 localhost\n10.0.0.5 mirror.example\n"),
    ] {
        fs::write(etc.join(name), text).unwrap();
    }
}

/// `a_search_domain_never_answers_for_another_name` runs this in separate namespaces.
#[tokio::test]
#[ignore = "a part of `a_search_domain_never_answers_for_another_name`"]
async fn process_with_a_search_domain() {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    thread::spawn(move || serve_dns(&socket));
    let corp = vec![IpAddr::from(ADDRESS)];
    // The guard is needed: by default the machine resolves the name in its own domain.
    let usual = tokio::net::lookup_host(("registry.example", 0))
        .await
        .unwrap();
    assert_eq!(usual.map(|found| found.ip()).collect::<Vec<_>>(), corp);
    let found = SystemResolver.resolve("registry.example").await;
    assert!(found.is_err(), "{found:?}");
    let whole = SystemResolver.resolve("registry.corp.test").await.unwrap();
    assert_eq!(whole, corp);
    let bare = SystemResolver.resolve("registry").await;
    assert!(bare.is_err(), "{bare:?}");
    for (name, address) in [("mirror.example", "10.0.0.5"), ("localhost", "127.0.0.1")] {
        let found = SystemResolver.resolve(name).await.unwrap();
        assert_eq!(found, [address.parse::<IpAddr>().unwrap()], "{name}");
    }
}

#[tokio::test]
async fn a_search_domain_never_answers_for_another_name() {
    let etc = tempfile::tempdir().unwrap();
    write_etc_files(etc.path());
    let etc = etc.path().to_str().unwrap();
    let test = "tests::egress::search_domains::process_with_a_search_domain";
    let mut machine = process::new_command("/usr/bin/bwrap");
    machine
        .args("--dev-bind / / --unshare-user --unshare-net --die-with-parent".split(' '))
        .args([
            "--cap-add",
            "CAP_NET_BIND_SERVICE",
            "--ro-bind",
            etc,
            "/etc",
            "--",
        ])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"]);
    let output = machine.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{errors}"
    );
}
