//! Pages that attack the browser and the network.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use eklavya_sandbox::browser::{BrowserError, ElementLocator};

use crate::browser_fixture::{BrowserFixture, NAME, PageServer, preview_url};

/// The longest wait for a condition: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// A page that tries every kind of request and shows the results.
const ATTEMPTS: &str = r"<!doctype html><title>trying</title><pre id=out></pre><script>
const out = [];
const note = (name, result) => { out.push(name + ': ' + result); };
// An attempt that gets an answer gets it sooner on any machine.
const attempt = async (name, run, patience = 60000) => {
  try {
    const slow = new Promise((_, no) => setTimeout(() => no(new Error('silence')), patience));
    note(name, await Promise.race([run(), slow]));
  } catch (error) { note(name, 'FAILED ' + error.name); }
};
const fetched = (address) => async () => {
  const answer = await fetch(address, { mode: 'no-cors' });
  // A refusal of the proxy is an answer as well; a page of the same origin may look at it.
  return answer.type === 'opaque' ? 'OPAQUE' : 'GOT ' + answer.status;
};
const framed = (address) => () => new Promise((yes, no) => {
  const frame = document.createElement('iframe');
  frame.onload = () => { try { yes('GOT ' + frame.contentDocument.body.innerText.slice(0, 40)); } catch (error) { no(error); } };
  frame.src = address;
  document.body.append(frame);
});
const socket = (address) => () => new Promise((yes, no) => {
  const it = new WebSocket(address);
  it.onopen = () => yes('GOT');
  it.onerror = () => no(new Error('refused'));
});
const candidates = () => new Promise((yes) => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:UDP' }] });
  const found = [];
  peer.onicecandidate = ({ candidate }) => candidate ? found.push(candidate.candidate) : yes('CANDIDATES ' + found.length);
  peer.createDataChannel('x');
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  setTimeout(() => yes('CANDIDATES ' + found.length), 3000);
});
(async () => {
  for (const [name, address] of Object.entries({
    same: '/ok', port: 'http://127.0.0.1:PORT/secret', localhost: 'http://localhost:PORT/secret',
    named: 'http://NAME:PORT/secret', six: 'http://[::1]:PORT/secret', other: 'http://demo-1.rival.localhost/',
    metadata: 'http://169.254.169.254/latest', internet: 'http://example.com/', tls: 'https://NAME/',
  })) await attempt(name, fetched(address));
  for (const [name, address] of Object.entries({
    file: 'file:///etc/passwd', chrome: 'chrome://version/', view: 'view-source:http://NAME/ok', devtools: 'devtools://devtools/bundled/inspector.html',
  })) await attempt('frame ' + name, framed(address), 4000);
  await attempt('socket port', socket('ws://127.0.0.1:PORT/secret'));
  await attempt('devtools', fetched('http://127.0.0.1:9222/json'));
  await attempt('webrtc', candidates);
  document.getElementById('out').textContent = out.join('\n');
  document.title = 'tried';
})();
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_page_reaches_only_its_preview() {
    let scene = BrowserFixture::new().await;
    // It serves on a port of the machine and has no host name.
    let secret = PageServer::start().await;
    secret.serve_page("/secret", "the secret");
    secret.serve_page("/", "the secret");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    let page = ATTEMPTS
        .replace("NAME", NAME)
        .replace("UDP", &udp.local_addr().unwrap().port().to_string())
        .replace("PORT", &secret.address.port().to_string());
    scene.server.serve_page("/", &page);
    scene.server.serve_page("/ok", "fine");
    let browser = scene.browser().await;
    browser.open(&preview_url("/")).await.unwrap();
    let done = ElementLocator::Text("webrtc".to_owned());
    browser.wait_for(&done, PATIENCE).await.unwrap();
    let text = browser.read_page().await.unwrap().text;
    assert!(text.contains("same: GOT 200"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("root:"), "{text}");
    assert!(text.contains("socket port: FAILED"), "{text}");
    assert!(text.contains("webrtc: CANDIDATES 0"), "{text}");
    assert!(text.contains("tls: FAILED"), "{text}");
    assert_eq!(secret.request_heads(), Vec::<String>::new(), "{text}");
    let refused = scene.names.1.lock().unwrap().clone();
    assert!(
        refused.iter().any(|host| host == "example.com"),
        "{refused:?}"
    );
    let mut datagram = [0; 64];
    // A datagram that was sent has arrived by now.
    let received = udp.recv(&mut datagram).map_err(|error| error.kind());
    assert_eq!(received, Err(ErrorKind::WouldBlock), "{text}");
    insta::assert_snapshot!(text);
    // The attempts are valid: the same request succeeds once the door knows the name.
    let rival = ("demo-1.rival.localhost".to_owned(), secret.address);
    scene.names.0.lock().unwrap().extend([rival]);
    browser.open(&preview_url("/")).await.unwrap();
    let begun = Instant::now();
    while secret.request_heads().is_empty() && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(secret.request_heads()[0].contains("host: demo-1.rival.localhost"));
    browser.close().await.unwrap();
    let reached = scene.names.2.lock().unwrap().clone();
    assert_eq!(reached[0], NAME);
    assert_eq!(
        reached.last().unwrap(),
        "",
        "the end of the browser is reported"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_opens_only_previews_of_its_project() {
    let scene = BrowserFixture::new().await;
    let secret = PageServer::start().await;
    secret.serve_page("/", "the secret");
    let port = secret.address.port();
    scene.server.serve_page("/", "<title>Shop</title>");
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
    );
    scene.server.serve_bytes("/away", &moved);
    let to_file = "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n";
    scene.server.serve_bytes("/file", to_file);
    let browser = scene.browser().await;
    for address in [
        "file:///etc/passwd",
        "chrome://version/",
        "data:text/html,x",
        "javascript:alert(1)",
        "about:blank",
        "view-source:http://demo-1.shop.localhost/",
        "https://demo-1.shop.localhost/",
        "http://demo-1.shop.localhost:8080/",
        "http://user@demo-1.shop.localhost/",
        "http://demo-1.shop.localhost./",
        "http://demo-2.shop.localhost/",
        "http://demo-1.rival.localhost/",
        "http://localhost/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://example.com/",
        "http:///",
        "",
    ] {
        let refused = browser.open(address).await.unwrap_err();
        assert!(
            matches!(refused, BrowserError::Address { .. }),
            "{address}: {refused:?}"
        );
    }
    browser.open(&preview_url("/")).await.unwrap();
    for path in ["//127.0.0.1/", "file:///etc/passwd", "http:/\\127.0.0.1/"] {
        let refused = browser.open(path).await.unwrap_err();
        assert!(
            matches!(refused, BrowserError::Address { .. }),
            "{path}: {refused:?}"
        );
    }
    // The proxy and the browser's policy stop redirects to other targets.
    for path in ["/away", "/file"] {
        let text = match browser.open(&preview_url(path)).await {
            Ok(_) => browser
                .read_page()
                .await
                .map(|page| page.text)
                .unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        assert!(
            !text.contains("the secret") && !text.contains("root:"),
            "{text}"
        );
    }
    assert_eq!(secret.request_heads(), Vec::<String>::new());
    // An open browser cannot reach a preview that has ended.
    browser.open(&preview_url("/")).await.unwrap();
    scene.names.0.lock().unwrap().clear();
    let refused = browser.open(&preview_url("/")).await.unwrap_err();
    assert!(
        refused.to_string().contains("none of them is running"),
        "{refused}"
    );
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_and_floods_of_dialogs_and_windows_are_blocked() {
    let scene = BrowserFixture::new().await;
    let file = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-disposition: attachment; filename=x.bin\r\ncontent-length: 4\r\n\r\nevil";
    scene.server.serve_bytes("/x.bin", file);
    let page = "<title>Flood</title><a download href=/x.bin>Get it</a><button onclick=\"\
        for (let i = 0; i < 50; i++) { window.open('/?' + i); alert(i); } document.body.append('flooded')\">Flood</button>";
    scene.server.serve_page("/", page);
    let browser = scene.browser().await;
    browser.open(&preview_url("/")).await.unwrap();
    browser
        .click(&ElementLocator::Text("Get it".to_owned()))
        .await
        .unwrap();
    browser
        .click(&ElementLocator::Text("Flood".to_owned()))
        .await
        .unwrap();
    let flooded = ElementLocator::Text("flooded".to_owned());
    browser.wait_for(&flooded, PATIENCE).await.unwrap();
    let notices = browser.take_notices();
    assert!((1..=20).contains(&notices.len()), "{notices:?}");
    let place = browser.open(&preview_url("/")).await.unwrap();
    assert_eq!(place.title, "Flood");
    let left = list_files(scene.dir.path());
    assert!(!left.iter().any(|name| name.contains("x.bin")), "{left:?}");
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_hangs_or_exceeds_its_memory_is_ended() {
    let mut scene = BrowserFixture::new().await;
    scene.memory_bytes = 900 << 20;
    let hang = "<title>Hang</title><button onclick=\"for (;;) {}\">Hang</button>";
    scene.server.serve_page("/", hang);
    let eat = "<title>Eat</title><button onclick=\"\
        window.kept = []; setInterval(() => { const b = new Uint8Array(64 << 20); b.fill(7); kept.push(b); }, 20)\">Eat</button>";
    scene.server.serve_page("/eat", eat);
    let browser = scene.browser().await;
    browser.open(&preview_url("/eat")).await.unwrap();
    // The browser may end during the click or later.
    let _ = browser.click(&ElementLocator::Text("Eat".to_owned())).await;
    let mut last = None;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(250)).await;
        if let Err(error) = browser.read_page().await {
            last = Some(error);
            break;
        }
    }
    let error = last.expect("the page is ended");
    assert!(error.is_fatal(), "{error:?}");
    drop(browser);
    std::fs::remove_dir_all(scene.dir.path().join("browser")).unwrap();
    let browser = scene.browser().await;
    browser.open(&preview_url("/")).await.unwrap();
    let silent = browser
        .click(&ElementLocator::Text("Hang".to_owned()))
        .await
        .unwrap_err();
    assert!(matches!(silent, BrowserError::Slow { .. }), "{silent:?}");
    browser.close().await.unwrap();
}

fn list_files(root: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap().flatten() {
        found.push(entry.path().display().to_string());
        if entry.path().is_dir() {
            found.extend(list_files(&entry.path()));
        }
    }
    found
}

/// Shows that the secret server is reachable from outside the sandbox.
#[tokio::test]
async fn the_secret_server_answers_outside_the_sandbox() {
    let secret = PageServer::start().await;
    secret.serve_page("/", "the secret");
    let answer = plain_get(secret.address).await;
    assert!(answer.ends_with("the secret"), "{answer}");
}

async fn plain_get(address: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
