//! Package registries on TLS servers of the host, with a certificate authority for the test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use eklavya_core::process;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

/// The configuration of the certificates: one of the authority, and one for the two servers.
const CERTIFICATES: &str = "[req]
distinguished_name = name
prompt = no
[name]
CN = registries of a test
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:registry.example, DNS:other.example
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";
const MAKE_CERTIFICATES: &str = "\
make() { openssl req -x509 -config certificates -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \"$@\"; }
make -extensions ca -keyout ca.key -out ca.pem
make -extensions server -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem";

/// One library for each package manager: `lib` for git, `greet` for npm and for pip.
const MAKE_PACKAGES: &str = r#"
git init -q served/lib && cd served/lib && echo 'a library' > README && git add README
git -c user.name=n -c user.email=e commit -qm first && git update-server-info && cd ../..
mkdir -p package served/npm served/pip/greet wheel
echo '{ "name": "greet", "version": "1.0.0", "main": "index.js" }' > package/package.json
echo 'module.exports = "hello from npm";' > package/index.js
tar czf served/npm/greet-1.0.0.tgz package
/usr/bin/python3 - <<'END'
import zipfile
info = 'greet-1.0.0.dist-info/'
with zipfile.ZipFile('served/pip/greet/greet-1.0.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('greet.py', 'words = "hello from pip"\n')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\nName: greet\nVersion: 1.0.0\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(info + 'RECORD', 'greet.py,,\n' + ''.join(f'{info}{name},,\n' for name in ['METADATA', 'WHEEL', 'RECORD']))
END
echo '<a href="greet-1.0.0-py3-none-any.whl">greet-1.0.0-py3-none-any.whl</a>' > served/pip/greet/index.html"#;

/// The files and the certificate of the registries.
pub struct RegistryContents {
    directory: TempDir,
    config: Arc<ServerConfig>,
}

impl RegistryContents {
    pub async fn create() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("certificates"), CERTIFICATES).unwrap();
        for script in [MAKE_CERTIFICATES, MAKE_PACKAGES] {
            let mut shell = process::new_command("/bin/sh");
            shell
                .args(["-euc", script])
                .env("PATH", "/usr/local/bin:/usr/bin:/bin")
                .current_dir(place.path());
            let output = shell.output().await.unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{script}: {text}");
        }
        let config = config(place.path());
        Self {
            directory: place,
            config,
        }
    }

    /// Returns the certificate of the authority.
    pub fn authority_certificate(&self) -> Vec<u8> {
        fs::read(self.directory.path().join("ca.pem")).unwrap()
    }
}

fn config(place: &Path) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(place.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(place.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

/// A server of the packages, and the paths of its requests. It runs until the test ends.
pub struct PackageRegistry {
    /// The name and port of the registry.
    pub authority: String,
    requested: Arc<Mutex<Vec<String>>>,
}

impl PackageRegistry {
    /// Starts a registry with this name at `ip`.
    pub fn open(name: &str, ip: IpAddr, contents: &RegistryContents) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let authority = format!("{name}:{}", listener.local_addr().unwrap().port());
        let own = authority.clone();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (heard, config) = (Arc::clone(&asked), Arc::clone(&contents.config));
        let served = contents.directory.path().join("served");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, config) = (heard.clone(), config.clone());
                let (served, own) = (served.clone(), own.clone());
                thread::spawn(move || serve(stream, config, &heard, (&served, &own)));
            }
        });
        Self {
            authority,
            requested: asked,
        }
    }

    pub fn requested_paths(&self) -> Vec<String> {
        self.requested.lock().unwrap().clone()
    }
}

/// Answers one request. Ends silently if the client disconnects.
fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    asked: &Mutex<Vec<String>>,
    (served, own): (&Path, &str),
) {
    let connection = ServerConnection::new(config).unwrap();
    let mut tls = BufReader::new(StreamOwned::new(connection, stream));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        match tls.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => head.push(line),
        }
    }
    let path = head
        .first()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or("/");
    let path = path.split('?').next().unwrap_or("/").to_owned();
    let (status, kind, body) = match page(served, &path, own) {
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain", Vec::new()),
    };
    asked.lock().unwrap().push(path);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let stream = tls.get_mut();
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// Returns the content type and body for a path: a file, the index of a directory, or npm's
/// metadata of a package.
fn page(served: &Path, path: &str, own: &str) -> Option<(&'static str, Vec<u8>)> {
    if path == "/npm/greet" {
        let metadata = serde_json::json!({
            "name": "greet", "dist-tags": { "latest": "1.0.0" },
            "versions": { "1.0.0": { "name": "greet", "version": "1.0.0",
                "dist": { "tarball": format!("https://{own}/npm/greet-1.0.0.tgz") } } },
        });
        return Some(("application/json", metadata.to_string().into_bytes()));
    }
    let mut file: PathBuf = served.join(path.trim_start_matches('/'));
    if file.is_dir() {
        file.push("index.html");
    }
    let kind = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        _ => "application/octet-stream",
    };
    Some((kind, fs::read(file).ok()?))
}
