//! Fetching pages for an agent.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::FetchError;
use crate::tests::egress::egress_fixture::{host_policy, open_fixture};
use crate::tests::fixture::GatewayFixture;

/// A server that responds by the requested path.
async fn start_site(response: impl Fn(&str) -> String + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let response = response.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..count]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let _ = stream.write_all(response(path).as_bytes()).await;
                // Keep the connection open until the client closes it.
                let _ = stream.read(&mut [0]).await;
            });
        }
    });
    port
}

fn page_response(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn redirect_response(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

async fn fetch_text(fixture: &GatewayFixture, url: &str) -> String {
    match fixture.door.page_fetcher().fetch(url).await {
        Ok(fetched) => format!(
            "{} {} {}",
            fetched.status,
            fetched.url.path(),
            String::from_utf8_lossy(&fetched.body)
        ),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_listed_page_is_fetched_and_every_redirect_is_checked() {
    let port = start_site(|path| match path {
        "/" => page_response("hello"),
        "/there" => redirect_response("/"),
        "/round" => redirect_response("/round"),
        "/out" => redirect_response("http://evil.example/"),
        "/meta" => redirect_response("http://169.254.169.254/latest/meta-data"),
        "/file" => redirect_response("file:///etc/passwd"),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone".to_owned(),
    })
    .await;
    let list = format!("docs.example:{port}");
    let fixture = open_fixture(host_policy(&list), &list).await;
    for (path, expected) in [
        ("/", "200 / hello"),
        ("/there", "200 / hello"),
        ("/nowhere", "404 /nowhere gone"),
        ("/round", "redirects more than 5 times"),
        (
            "/out",
            "fetching http://evil.example/ is denied: evil.example:80 is not in the",
        ),
        ("/meta", "169.254.169.254:80 is not in the host list"),
        ("/file", "must begin with https:// or http://"),
    ] {
        let text = fetch_text(&fixture, &format!("http://{list}{path}")).await;
        assert!(text.contains(expected), "{path}: {text}");
    }
    let lines = fixture.egress_audit_details(15).await;
    let denied: Vec<_> = lines
        .iter()
        .filter(|line| line["decision"] == "denied")
        .map(|line| line["target"].as_str().unwrap())
        .collect();
    assert_eq!(denied, ["evil.example:80", "169.254.169.254:80", "file://"]);
    let first = &lines[0];
    assert_eq!(
        (&first["method"], &first["target"]),
        (&"GET".into(), &list.into())
    );
    assert_eq!(first["address"], format!("127.0.0.1:{port}"));
    assert_eq!(first["down"], 5);
}

#[tokio::test]
async fn invalid_urls_and_private_addresses_are_not_fetched() {
    let fixture = open_fixture(host_policy("docs.example:80"), "").await;
    for (url, why) in [
        ("http://docs.example/", "127.0.0.1 is loopback"),
        ("docs.example", "is not the URL of a page"),
        (
            "http://user:geheim@docs.example/",
            "must not contain a user",
        ),
        ("http://docs.example:0/", "port 0 is not valid"),
        ("http://0x7f.1/", "127.0.0.1:80 is not in the host list"),
        ("ftp://docs.example/", "must begin with https"),
    ] {
        let text = fetch_text(&fixture, url).await;
        assert!(text.contains(why), "{url}: {text}");
        assert!(!text.contains("geheim"), "{text}");
    }
}

#[tokio::test]
async fn fetching_a_too_long_or_silent_page_fails() {
    let port = start_site(|path| match path {
        "/long" => page_response(&"x".repeat(90_000)),
        "/more" => page_response(&"x".repeat(200_000)),
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned(),
    })
    .await;
    let list = format!("docs.example:{port}");
    let fixture = open_fixture(host_policy(&list), &list).await;
    let long = fetch_text(&fixture, &format!("http://{list}/long")).await;
    assert_eq!(long.len(), "200 /long ".len() + 90_000);
    for (path, why) in [
        ("/more", "more than 100000 bytes"),
        ("/silent", "the connection was idle"),
    ] {
        let url = format!("http://{list}{path}");
        let failed = fixture.door.page_fetcher().fetch(&url).await.unwrap_err();
        assert!(matches!(failed, FetchError::Failed { .. }), "{failed:?}");
        assert!(failed.to_string().contains(why), "{path}: {failed}");
    }
}
