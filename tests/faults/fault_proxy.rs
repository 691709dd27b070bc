//! A man in the middle between the product and its server, who cuts connections in the middle of a
//! commit.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitCut {
    /// Before the server hears of the commit.
    BeforeCommit,
    /// After the server has committed, before the client hears of it.
    AfterCommit,
}

/// What is to be done with which commit.
#[derive(Debug, Default)]
struct CutPlan {
    commits: usize,
    cuts: Vec<(usize, CommitCut)>,
    done: Vec<(usize, CommitCut)>,
}

/// The man in the middle; he leaves with the test.
#[derive(Debug)]
pub struct FaultProxy {
    /// His port on 127.0.0.1.
    pub port: u16,
    plan: Arc<Mutex<CutPlan>>,
}

impl FaultProxy {
    /// Passes everything on to a port on 127.0.0.1.
    pub fn start_before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(CutPlan::default()));
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is away does not answer.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    let plan = Arc::clone(&shared);
                    thread::spawn(move || forward_connection(client, server, &plan));
                }
            }
        });
        Self { port, plan }
    }

    /// Cuts the connection at the commits with these numbers, counted from now on.
    pub fn cut_at(&self, cuts: Vec<(usize, CommitCut)>) {
        let mut plan = self.plan.lock().unwrap();
        *plan = CutPlan {
            cuts,
            ..CutPlan::default()
        };
    }

    /// Returns how many commits were asked for, and which were cut.
    pub fn seen_commits(&self) -> (usize, Vec<(usize, CommitCut)>) {
        let plan = self.plan.lock().unwrap();
        (plan.commits, plan.done.clone())
    }
}

impl CutPlan {
    /// Counts a commit, and returns what is to be done with it.
    fn next_cut(&mut self) -> Option<CommitCut> {
        let number = self.commits;
        self.commits += 1;
        let at = self.cuts.iter().position(|(at, _)| *at == number)?;
        let cut = self.cuts.remove(at);
        self.done.push(cut);
        Some(cut.1)
    }
}

/// Forwards a connection message by message. Answers are forwarded too, except the answer to a
/// commit that is to be cut.
fn forward_connection(mut client: TcpStream, mut server: TcpStream, plan: &Mutex<CutPlan>) {
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let muted = Arc::new(Mutex::new(false));
    let mute = Arc::clone(&muted);
    let answering = thread::spawn(move || {
        let mut bytes = [0; 1 << 14];
        while let Ok(count @ 1..) = answers.read(&mut bytes) {
            let muted = mute.lock().unwrap();
            if *muted || back.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut started = false;
    while let Some(message) = read_message(&mut client, &mut started) {
        let cut = is_commit(&message).then(|| plan.lock().unwrap().next_cut());
        match cut.flatten() {
            Some(CommitCut::BeforeCommit) => break,
            Some(CommitCut::AfterCommit) => {
                *muted.lock().unwrap() = true;
                if server.write_all(&message).is_ok() {
                    // The answer has come, and goes nowhere.
                    let _ = answering.join();
                }
                let _ = client.shutdown(Shutdown::Both);
                return;
            }
            None => {}
        }
        if server.write_all(&message).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

/// Returns the next message of a client, nothing at the end. A message is a letter, a length that
/// counts itself, and what is said; those before the session begins have no letter
/// (<https://www.postgresql.org/docs/16/protocol-message-formats.html>).
fn read_message(client: &mut TcpStream, started: &mut bool) -> Option<Vec<u8>> {
    const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
    let mut message = vec![0; if *started { 5 } else { 4 }];
    client.read_exact(&mut message).ok()?;
    let (_, length) = message.split_last_chunk::<4>()?;
    let rest = usize::try_from(u32::from_be_bytes(*length))
        .ok()?
        .checked_sub(4)?;
    let begin = message.len();
    message.resize(begin + rest, 0);
    client.read_exact(&mut message[begin..]).ok()?;
    *started |= message[begin..] != SSL_REQUEST;
    Some(message)
}

/// Whether a message is the simple query `COMMIT`.
fn is_commit(message: &[u8]) -> bool {
    message.first() == Some(&b'Q') && message[5..].starts_with(b"COMMIT")
}
