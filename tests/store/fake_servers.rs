//! Servers that are not what they should be.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// What the protocol has at the start of a connection
/// (<https://www.postgresql.org/docs/16/protocol-message-formats.html>).
const SSL_REQUEST: u32 = 80_877_103;

/// A server that accepts every login, reports this version, and answers nothing more.
/// Returns its port.
pub fn server_of_version(version: &'static str) -> u16 {
    serve_with(move |mut stream| {
        let mut head = [0; 8];
        while stream.read_exact(&mut head).is_ok() {
            let length = u32::from_be_bytes(head[..4].try_into().unwrap());
            let code = u32::from_be_bytes(head[4..].try_into().unwrap());
            if code == SSL_REQUEST {
                stream.write_all(b"N").unwrap();
                continue;
            }
            let mut rest = vec![0; usize::try_from(length).unwrap() - head.len()];
            stream.read_exact(&mut rest).unwrap();
            stream.write_all(&greeting(version)).unwrap();
            // It sends nothing more and waits for the client to disconnect.
            let _ = stream.read_to_end(&mut rest);
        }
    })
}

fn greeting(version: &str) -> Vec<u8> {
    let mut all = message(b'R', &0u32.to_be_bytes());
    let status = format!("server_version\0{version}\0");
    all.extend(message(b'S', status.as_bytes()));
    all.extend(message(b'Z', b"I"));
    all
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    let mut all = vec![tag];
    all.extend(length.to_be_bytes());
    all.extend(body);
    all
}

/// A server that accepts connections and never sends anything. Returns its port.
pub fn silent_server() -> u16 {
    serve_with(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// A server that sends text that is not the protocol. Returns its port.
pub fn foreign_server() -> u16 {
    serve_with(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    })
}

fn serve_with(answer: impl Fn(TcpStream) + Send + Copy + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    port
}
