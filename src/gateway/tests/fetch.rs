//! Pages that are fetched for an agent.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::egress::{hosts, house};
use super::house::House;
use crate::FetchError;

/// A server that answers by the path that is asked for.
async fn site(answer: impl Fn(&str) -> String + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..count]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let _ = stream.write_all(answer(path).as_bytes()).await;
                // Until the other side has enough.
                let _ = stream.read(&mut [0]).await;
            });
        }
    });
    port
}

fn page(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn moved(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

async fn told(house: &House, url: &str) -> String {
    match house.door.fetcher().fetch(url).await {
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
async fn a_listed_page_is_fetched_and_each_redirect_is_decided_anew() {
    let port = site(|path| match path {
        "/" => page("hello"),
        "/there" => moved("/"),
        "/round" => moved("/round"),
        "/out" => moved("http://evil.example/"),
        "/meta" => moved("http://169.254.169.254/latest/meta-data"),
        "/file" => moved("file:///etc/passwd"),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone".to_owned(),
    })
    .await;
    let list = format!("docs.example:{port}");
    let house = house(hosts(&list), &list).await;
    for (path, expected) in [
        ("/", "200 / hello"),
        ("/there", "200 / hello"),
        ("/nowhere", "404 /nowhere gone"),
        ("/round", "redirects more than 5 times"),
        (
            "/out",
            "http://evil.example/ may not be fetched: evil.example:80 is not among",
        ),
        ("/meta", "169.254.169.254:80 is not among the hosts"),
        ("/file", "it must begin with https:// or http://"),
    ] {
        let told = told(&house, &format!("http://{list}{path}")).await;
        assert!(told.contains(expected), "{path}: {told}");
    }
    let lines = house.lines(15).await;
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
async fn what_is_no_page_or_not_public_is_refused() {
    let house = house(hosts("docs.example:80"), "").await;
    for (url, why) in [
        ("http://docs.example/", "127.0.0.1 is loopback"),
        ("docs.example", "is no URL of a page"),
        ("http://user:geheim@docs.example/", "must not hold a user"),
        ("http://docs.example:0/", "there is no port 0"),
        ("http://0x7f.1/", "127.0.0.1:80 is not among the hosts"),
        ("ftp://docs.example/", "must begin with https"),
    ] {
        let told = told(&house, url).await;
        assert!(told.contains(why), "{url}: {told}");
        assert!(!told.contains("geheim"), "{told}");
    }
}

#[tokio::test]
async fn a_page_without_end_is_cut_and_a_silent_one_given_up() {
    let port = site(|path| match path {
        "/long" => page(&"x".repeat(90_000)),
        "/more" => page(&"x".repeat(200_000)),
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned(),
    })
    .await;
    let list = format!("docs.example:{port}");
    let house = house(hosts(&list), &list).await;
    let long = told(&house, &format!("http://{list}/long")).await;
    assert_eq!(long.len(), "200 /long ".len() + 90_000);
    for (path, why) in [
        ("/more", "more than 100000 bytes"),
        ("/silent", "nothing passed"),
    ] {
        let url = format!("http://{list}{path}");
        let failed = house.door.fetcher().fetch(&url).await.unwrap_err();
        assert!(matches!(failed, FetchError::Failed { .. }), "{failed:?}");
        assert!(failed.to_string().contains(why), "{path}: {failed}");
    }
}
