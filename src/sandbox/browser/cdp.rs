//! Chrome's protocol for developer tools, over a pipe: JSON documents, each ended by a NUL byte.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::error::BrowserError;

/// The longest message: a picture in base64, with room.
const MAX_MESSAGE: u64 = 64 * 1024 * 1024;
/// Events that may wait; where nobody takes them, the next ones are dropped.
const BACKLOG: usize = 256;

/// The events that somebody here listens to.
const HEARD: [&str; 5] = [
    "Page.frameStartedLoading",
    "Page.frameStoppedLoading",
    "Page.javascriptDialogOpening",
    "Target.targetCreated",
    "Target.targetCrashed",
];

/// Something that happened in the browser.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CdpEvent {
    /// Its name, one of [`HEARD`].
    pub method: String,
    /// The session that it belongs to.
    #[serde(default, rename = "sessionId")]
    pub session: Option<String>,
    /// What there is to know about it.
    #[serde(default)]
    pub params: Value,
}

/// A message from the browser.
#[derive(Debug, Deserialize)]
struct CdpMessage {
    id: Option<u64>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default, rename = "sessionId")]
    session: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Option<CdpError>,
}

#[derive(Debug, Deserialize)]
struct CdpError {
    #[serde(default)]
    message: String,
}

type CdpResponse = Result<Value, String>;
type PendingCalls = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<CdpResponse>>>>>;

/// A connection to a browser. It ends with the pipe.
#[derive(Debug)]
pub(crate) struct CdpConnection {
    outgoing: mpsc::Sender<Vec<u8>>,
    /// Who waits for which answer; nobody can any more once the browser is gone.
    pending: PendingCalls,
    last_id: AtomicU64,
    tasks: [JoinHandle<()>; 2],
}

impl CdpConnection {
    /// Speaks over `input` and `output`; returns the connection and what happens.
    pub(super) fn new(
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
    ) -> (Self, mpsc::Receiver<CdpEvent>) {
        let (outgoing, messages) = mpsc::channel(16);
        let (events, heard) = mpsc::channel(BACKLOG);
        let waiting: PendingCalls = Arc::new(Mutex::new(Some(HashMap::new())));
        let reading = read_messages(output, Arc::clone(&waiting), events);
        let connection = Self {
            outgoing,
            pending: waiting,
            last_id: AtomicU64::new(0),
            tasks: [
                tokio::spawn(reading),
                tokio::spawn(write_messages(input, messages)),
            ],
        };
        (connection, heard)
    }

    /// Calls `method`, of the browser or of a session with a page, and returns its result.
    pub(super) async fn call(
        &self,
        session: Option<&str>,
        (method, what): (&str, &'static str),
        params: Value,
        within: Duration,
    ) -> Result<Value, BrowserError> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let gone = || BrowserError::Ended {
            output: String::new(),
        };
        let (answer, answered) = oneshot::channel();
        lock(&self.pending)
            .as_mut()
            .ok_or_else(gone)?
            .insert(id, answer);
        let asked = async {
            self.outgoing
                .send(message.to_string().into_bytes())
                .await
                .map_err(|_| gone())?;
            answered.await.map_err(|_| gone())
        };
        let answer = tokio::time::timeout(within, asked).await;
        if let Some(waiting) = lock(&self.pending).as_mut() {
            waiting.remove(&id);
        }
        let answer = answer.map_err(|_| BrowserError::Slow { what, within })??;
        answer.map_err(BrowserError::Refused)
    }
}

impl Drop for CdpConnection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write_messages(mut input: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut message) = messages.recv().await {
        message.push(0);
        if input.write_all(&message).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read_messages(
    output: impl AsyncRead + Unpin,
    waiting: PendingCalls,
    events: mpsc::Sender<CdpEvent>,
) {
    let mut output = BufReader::new(output);
    while let Ok(Some(message)) = read_message(&mut output).await {
        dispatch(message, &waiting, &events);
    }
    // Whoever waits hears that the browser is gone.
    lock(&waiting).take();
}

/// Reads the next message; `None` at the end.
async fn read_message(
    output: &mut (impl AsyncBufReadExt + Unpin),
) -> io::Result<Option<CdpMessage>> {
    let mut bytes = Vec::new();
    let mut limited = output.take(MAX_MESSAGE);
    limited.read_until(0, &mut bytes).await?;
    if bytes.pop() != Some(0) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}

fn dispatch(message: CdpMessage, waiting: &PendingCalls, events: &mpsc::Sender<CdpEvent>) {
    if let Some(id) = message.id {
        let waiter = lock(waiting).as_mut().and_then(|all| all.remove(&id));
        if let Some(waiter) = waiter {
            // Whoever asked may have given up.
            let _ = waiter.send(match message.error {
                Some(problem) => Err(problem.message.chars().take(300).collect()),
                None => Ok(message.result),
            });
        }
        return;
    }
    let Some(method) = message
        .method
        .filter(|method| HEARD.contains(&method.as_str()))
    else {
        return;
    };
    let event = CdpEvent {
        method,
        session: message.session,
        params: message.params,
    };
    // A page that makes more of them than anybody can take loses some.
    let _ = events.try_send(event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{DuplexStream, duplex};

    const SOON: Duration = Duration::from_millis(300);

    async fn ask(connection: &CdpConnection) -> Result<Value, BrowserError> {
        let method = ("Browser.getVersion", "asking");
        connection.call(Some("s"), method, json!({}), SOON).await
    }

    fn connected() -> (
        CdpConnection,
        mpsc::Receiver<CdpEvent>,
        DuplexStream,
        DuplexStream,
    ) {
        let (input, asked) = duplex(1 << 16);
        let (said, output) = duplex(1 << 16);
        let (connection, events) = CdpConnection::new(input, output);
        (connection, events, asked, said)
    }

    #[tokio::test]
    async fn answers_reach_their_callers_and_events_their_listener() {
        let (connection, mut events, mut asked, mut said) = connected();
        let answers = tokio::spawn(async move {
            let mut heard = vec![0; 1024];
            let count = asked.read(&mut heard).await.unwrap();
            let text = String::from_utf8_lossy(&heard[..count]).into_owned();
            let rest = concat!(
                "{\"method\":\"Page.other\"}\0",
                "{\"method\":\"Page.frameStartedLoading\",\"sessionId\":\"s\"}\0",
                "{\"id\":99,\"result\":{}}\0{\"id\":1,\"result\":{\"a\":1}}\0",
                "{\"id\":2,\"error\":{\"message\":\"no\"}}\0"
            );
            said.write_all(rest.as_bytes()).await.unwrap();
            (text, said, asked)
        });
        assert_eq!(ask(&connection).await.unwrap(), json!({"a": 1}));
        let (text, _said, _asked) = answers.await.unwrap();
        assert!(text.ends_with("}\0") && text.contains("\"sessionId\":\"s\""));
        assert_eq!(
            events.recv().await.unwrap().method,
            "Page.frameStartedLoading"
        );
    }

    #[tokio::test]
    async fn silence_nonsense_and_the_end_are_told_apart() {
        let (connection, _events, _asked, mut said) = connected();
        let silent = ask(&connection).await.unwrap_err();
        assert!(matches!(silent, BrowserError::Slow { .. }), "{silent}");
        said.write_all(b"{nonsense\0").await.unwrap();
        let gone = ask(&connection).await.unwrap_err();
        assert!(matches!(gone, BrowserError::Ended { .. }), "{gone}");
        let still = ask(&connection).await.unwrap_err();
        assert!(matches!(still, BrowserError::Ended { .. }), "{still}");
    }
}
