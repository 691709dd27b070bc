//! The search domains of the machine, which must not answer for anybody else's names.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::thread;

use crate::egress::{HostResolver, SystemResolver};
use eklavya_core::process;

/// The domain that the machine searches, whose server knows every name below it.
const DOMAIN: &str = ".corp.test";
/// What it answers.
const ADDRESS: [u8; 4] = [10, 9, 9, 9];

/// Answers like the name server of a network that has an address for everything of its own.
fn serve_dns(socket: &UdpSocket) {
    let mut packet = [0; 512];
    while let Ok((count, asker)) = socket.recv_from(&mut packet) {
        if let Some(answer) = dns_answer(&packet[..count]) {
            let _ = socket.send_to(&answer, asker);
        }
    }
}

/// Returns the answer to a question (RFC 1035, section 4).
fn dns_answer(packet: &[u8]) -> Option<Vec<u8>> {
    const A: [u8; 2] = [0, 1];
    let (name, length) = parse_dns_name(packet.get(12..)?)?;
    let question = packet.get(12..12 + length + 4)?;
    let known = format!(".{name}").ends_with(DOMAIN);
    let found = known && question[length..length + 2] == A;
    let mut answer = packet[..2].to_vec();
    // An answer of a server that asks others; without the domain there is no such name.
    answer.extend([0x81, if known { 0x80 } else { 0x83 }]);
    answer.extend([0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    answer.extend(question);
    if found {
        // The name of the question, an address of the internet, for no time, in four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(ADDRESS);
    }
    Some(answer)
}

/// Returns a name and how many bytes it takes.
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

/// What the machine of the test says of itself.
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

/// Run by itself, by the test below, on a machine of its own.
#[tokio::test]
#[ignore = "a part of `a_search_domain_answers_for_nobody`"]
async fn on_a_machine_that_searches() {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    thread::spawn(move || serve_dns(&socket));
    let corp = vec![IpAddr::from(ADDRESS)];
    // The guard is good for something: asked in the usual way, the machine takes its own for it.
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
    let test = "tests::egress::search_domains::on_a_machine_that_searches";
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
