//! The PostgreSQL server of tests: what it keeps and loses, and that it leaves nothing behind.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use eklavya_testkit::servers::postgres::TestPostgres;
use sqlx::{Connection, Executor, PgConnection};

/// The longest wait: far more than is needed on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends the first request of a client; returns nothing if the server does not accept it.
fn send_ssl_request(server: &TestPostgres) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // SSLRequest: a length of 8 and the code 80877103.
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).ok()?;
    Some(stream)
}

/// Returns the answer to the first request of a client, `N` or `S`, or nothing if none comes.
fn ssl_answer(server: &TestPostgres) -> Option<char> {
    let mut byte = [0];
    send_ssl_request(server)?.read_exact(&mut byte).ok()?;
    Some(char::from(byte[0]))
}

fn directory(server: &TestPostgres) -> PathBuf {
    let data = PathBuf::from(server.psql("SHOW data_directory"));
    data.parent().unwrap().to_owned()
}

#[test]
fn committed_data_survives_a_crash_and_a_stop() {
    let server = TestPostgres::durable();
    assert!(server.major() >= 15, "{}", server.major());
    server.psql("CREATE TABLE kept (id bigint); INSERT INTO kept VALUES (1)");
    let url = server.url();
    server.kill();
    assert_eq!(ssl_answer(&server), None, "a killed server answers");
    server.restart();
    server.psql("INSERT INTO kept VALUES (2)");
    server.stop();
    assert_eq!(ssl_answer(&server), None, "a stopped server answers");
    server.restart();
    assert_eq!(server.psql("SELECT id FROM kept ORDER BY id"), "1\n2");
    assert_eq!(url, server.url());
}

#[test]
fn a_dropped_server_leaves_nothing_even_if_killed_or_frozen() {
    let (running, killed, frozen) = (
        TestPostgres::start(),
        TestPostgres::start(),
        TestPostgres::start(),
    );
    let servers = [&running, &killed, &frozen];
    let places = servers.map(directory);
    let ports = servers.map(TestPostgres::port);
    assert!(places.iter().all(|place| place.is_dir()));
    killed.kill();
    frozen.freeze();
    // The frozen server gets its request before the running server.
    let mut asked = send_ssl_request(&frozen).unwrap();
    assert_eq!(ssl_answer(&running), Some('N'));
    asked.set_nonblocking(true).unwrap();
    let received = asked.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(
        received,
        Err(ErrorKind::WouldBlock),
        "a frozen server answers"
    );
    drop((running, killed, frozen));
    for (place, port) in places.iter().zip(ports) {
        assert!(!place.exists(), "{}", place.display());
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}

#[test]
#[ignore = "a part of `the_server_of_a_killed_test_leaves_nothing`"]
fn process_of_the_killed_test() {
    let server = TestPostgres::start();
    println!("at {}", directory(&server).display());
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test starts its own program")]
fn the_server_of_a_killed_test_leaves_nothing() {
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres_fixture::process_of_the_killed_test"])
        .args(["--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let place = lines.find_map(|line| Some(line.unwrap().split_once("at /")?.1.to_owned()));
    let place = Path::new("/").join(place.unwrap());
    assert!(place.is_dir(), "{}", place.display());
    test.kill().unwrap();
    test.wait().unwrap();
    let begun = Instant::now();
    while place.exists() {
        assert!(begun.elapsed() < PATIENCE, "the directory still exists");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_thawed_server_answers_again() {
    let server = TestPostgres::start();
    server.freeze();
    server.thaw();
    assert_eq!(server.psql("SELECT 1"), "1");
}

#[test]
fn every_shared_database_is_a_new_one_on_the_same_server() {
    let (first, second) = (TestPostgres::shared(), TestPostgres::shared());
    assert_ne!(first, second);
    let server = TestPostgres::shared_server();
    let databases =
        server.psql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname");
    assert_eq!(databases, "eklavya\neklavya_1");
}

#[test]
fn the_user_of_the_product_owns_its_database_without_further_rights() {
    let server = TestPostgres::shared_server();
    let rights = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles \
                  WHERE rolname = 'eklavya'";
    assert_eq!(server.psql(rights), "f|f|f");
    let owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'eklavya'";
    assert_eq!(server.psql(owner), "eklavya");
    let order = server.psql("SELECT 'a' < 'B', 'a' COLLATE \"C\" < 'B'");
    assert_eq!(order, "t|f", "the default collation is not byte order");
}

#[tokio::test]
async fn a_guarded_server_requires_the_password() {
    let server = TestPostgres::guarded("it's@secret/1");
    let of = |password| server.url_with("eklavya", password, "eklavya");
    assert!(
        PgConnection::connect(&of(Some("it's@secret/1")))
            .await
            .is_ok()
    );
    for wrong in [None, Some("secret")] {
        let refused = PgConnection::connect(&of(wrong)).await.unwrap_err();
        assert_eq!(code(&refused), "28P01", "{refused}");
    }
}

#[tokio::test]
async fn a_cut_connection_fails_and_a_new_one_works() {
    let server = TestPostgres::start();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    connection.execute("SELECT 1").await.unwrap();
    server.cut_connections();
    assert!(connection.execute("SELECT 1").await.is_err());
    assert!(PgConnection::connect(&server.url()).await.is_ok());
}

#[tokio::test]
async fn a_read_only_database_refuses_writes_until_it_is_writable() {
    let server = TestPostgres::start();
    let url = server.new_database("other");
    server.make_read_only();
    let refused = write(&server.url()).await.unwrap_err();
    assert_eq!(code(&refused), "25006", "{refused}");
    write(&url).await.unwrap();
    server.make_writable();
    write(&server.url()).await.unwrap();
}

async fn write(url: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CREATE TABLE written ()").await?;
    Ok(())
}

fn code(error: &sqlx::Error) -> String {
    let error = error.as_database_error().unwrap();
    error.code().unwrap().into_owned()
}
