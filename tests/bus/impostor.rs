//! A server that is not a usable Redis.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Answers every request with the result of `answer`.
pub struct ImpostorServer {
    pub url: String,
}

impl ImpostorServer {
    /// Starts a server, which runs until the test ends.
    pub fn start(answer: impl Fn(&str) -> Option<String> + Send + Clone + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                std::thread::spawn(move || serve_answers(stream, &answer));
            }
        });
        Self {
            url: format!("redis://:s3cret@127.0.0.1:{port}/"),
        }
    }

    /// Starts a server of this version. It does not know `HELLO` if it is older than 6.
    pub fn of_version(version: &'static str) -> Self {
        Self::start(move |question| {
            let before_six = version < "6";
            Some(if question.starts_with("HELLO") && before_six {
                // Such servers quote unknown commands, including the password.
                format!(
                    "-ERR unknown command `HELLO`, with args beginning with: {}\r\n",
                    question.replace("HELLO", "")
                )
            } else if question.starts_with("HELLO") {
                "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n".to_owned()
            } else if question.starts_with("INFO") {
                let info = format!("# Server\r\nredis_version:{version}\r\n");
                format!("${}\r\n{info}\r\n", info.len())
            } else {
                "+OK\r\n".to_owned()
            })
        })
    }
}

fn serve_answers(mut stream: TcpStream, answer: &impl Fn(&str) -> Option<String>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        request.extend_from_slice(&piece[..count]);
        while let Some((question, rest)) = take_command(&request) {
            request = rest;
            if let Some(answer) = answer(&question)
                && stream.write_all(answer.as_bytes()).is_err()
            {
                return;
            }
        }
    }
}

/// Removes one complete request from the input: an array of texts, returned as one line.
fn take_command(request: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = std::str::from_utf8(request).ok()?;
    let mut lines = text.split_inclusive("\r\n");
    let count: usize = lines.next()?.strip_prefix('*')?.trim().parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        lines.next()?.strip_prefix('$')?;
        let word = lines.next()?;
        words.push(word.strip_suffix("\r\n")?);
    }
    Some((words.join(" "), lines.collect::<String>().into_bytes()))
}
