//! The Chrome `DevTools` Protocol over a pipe: JSON documents, each ended by a NUL byte.
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

/// The longest message in bytes. A screenshot in base64 fits.
const MAX_MESSAGE_BYTES: u64 = 64 * 1024 * 1024;
/// The events that may wait to be received; further ones are dropped.
const BACKLOG: usize = 256;

/// The events that are not ignored.
const HANDLED: [&str; 5] = [
    "Page.frameStartedLoading",
    "Page.frameStoppedLoading",
    "Page.javascriptDialogOpening",
    "Target.targetCreated",
    "Target.targetCrashed",
];

/// An event of the browser.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CdpEvent {
    /// The name, one of [`HANDLED`].
    pub method: String,
    #[serde(default, rename = "sessionId")]
    pub session: Option<String>,
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

impl CdpMessage {
    fn into_response(self) -> CdpResponse {
        match self.error {
            Some(error) => Err(error.message.chars().take(300).collect()),
            None => Ok(self.result),
        }
    }
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
    /// The calls without a response yet; `None` once the browser has ended.
    pending: PendingCalls,
    last_id: AtomicU64,
    tasks: [JoinHandle<()>; 2],
}

impl CdpConnection {
    /// Connects through the pipes. `input` is the input of the browser. Returns the events as well.
    pub(super) fn new(
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
    ) -> (Self, mpsc::Receiver<CdpEvent>) {
        let (outgoing, messages) = mpsc::channel(16);
        let (events, received) = mpsc::channel(BACKLOG);
        let pending: PendingCalls = Arc::new(Mutex::new(Some(HashMap::new())));
        let reading = read_messages(output, Arc::clone(&pending), events);
        let connection = Self {
            outgoing,
            pending,
            last_id: AtomicU64::new(0),
            tasks: [
                tokio::spawn(reading),
                tokio::spawn(write_messages(input, messages)),
            ],
        };
        (connection, received)
    }

    /// Calls `method` of the browser or of a session with a page. Returns its result. `what` describes the
    /// call in errors.
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
        let response = tokio::time::timeout(within, self.exchange(id, &message)).await;
        if let Some(pending) = lock(&self.pending).as_mut() {
            pending.remove(&id);
        }
        let response = response.map_err(|_| BrowserError::Slow { what, within })??;
        response.map_err(BrowserError::Refused)
    }

    /// Sends a call and waits for its response.
    async fn exchange(&self, id: u64, message: &Value) -> Result<CdpResponse, BrowserError> {
        let ended = || BrowserError::Ended {
            output: String::new(),
        };
        let (response, responded) = oneshot::channel();
        lock(&self.pending)
            .as_mut()
            .ok_or_else(ended)?
            .insert(id, response);
        self.outgoing
            .send(message.to_string().into_bytes())
            .await
            .map_err(|_| ended())?;
        responded.await.map_err(|_| ended())
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
    pending: PendingCalls,
    events: mpsc::Sender<CdpEvent>,
) {
    let mut output = BufReader::new(output);
    while let Ok(Some(message)) = read_message(&mut output).await {
        dispatch(message, &pending, &events);
    }
    // This fails all waiting calls.
    lock(&pending).take();
}

/// Reads the next message; `None` at the end of the pipe.
async fn read_message(
    output: &mut (impl AsyncBufReadExt + Unpin),
) -> io::Result<Option<CdpMessage>> {
    let mut bytes = Vec::new();
    let mut limited = output.take(MAX_MESSAGE_BYTES);
    limited.read_until(0, &mut bytes).await?;
    if bytes.pop() != Some(0) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}

fn dispatch(message: CdpMessage, pending: &PendingCalls, events: &mpsc::Sender<CdpEvent>) {
    if let Some(id) = message.id {
        let waiter = lock(pending).as_mut().and_then(|all| all.remove(&id));
        if let Some(waiter) = waiter {
            // The caller may have given up.
            let _ = waiter.send(message.into_response());
        }
        return;
    }
    let Some(method) = message
        .method
        .filter(|method| HANDLED.contains(&method.as_str()))
    else {
        return;
    };
    let event = CdpEvent {
        method,
        session: message.session,
        params: message.params,
    };
    // If a page causes events faster than they are handled, some are dropped.
    let _ = events.try_send(event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{DuplexStream, duplex};

    /// The timeout of a call that gets no answer.
    const SOON: Duration = Duration::from_millis(300);
    /// The timeout of every other call, far longer than an answer takes on a busy machine.
    const LATE: Duration = Duration::from_mins(1);

    async fn ask(connection: &CdpConnection, within: Duration) -> Result<Value, BrowserError> {
        let method = ("Browser.getVersion", "asking");
        connection.call(Some("s"), method, json!({}), within).await
    }

    fn connected() -> (
        CdpConnection,
        mpsc::Receiver<CdpEvent>,
        DuplexStream,
        DuplexStream,
    ) {
        let (input, input_end) = duplex(1 << 16);
        let (output_end, output) = duplex(1 << 16);
        let (connection, events) = CdpConnection::new(input, output);
        (connection, events, input_end, output_end)
    }

    #[tokio::test]
    async fn answers_reach_their_callers_and_events_their_listener() {
        let (connection, mut events, mut input_end, mut output_end) = connected();
        let answers = tokio::spawn(async move {
            let mut heard = vec![0; 1024];
            let count = input_end.read(&mut heard).await.unwrap();
            let text = String::from_utf8_lossy(&heard[..count]).into_owned();
            let rest = concat!(
                "{\"method\":\"Page.other\"}\0",
                "{\"method\":\"Page.frameStartedLoading\",\"sessionId\":\"s\"}\0",
                "{\"id\":99,\"result\":{}}\0{\"id\":1,\"result\":{\"a\":1}}\0",
                "{\"id\":2,\"error\":{\"message\":\"no\"}}\0"
            );
            output_end.write_all(rest.as_bytes()).await.unwrap();
            (text, output_end, input_end)
        });
        assert_eq!(ask(&connection, LATE).await.unwrap(), json!({"a": 1}));
        let (text, _output_end, _input_end) = answers.await.unwrap();
        assert!(text.ends_with("}\0") && text.contains("\"sessionId\":\"s\""));
        assert_eq!(
            events.recv().await.unwrap().method,
            "Page.frameStartedLoading"
        );
    }

    #[tokio::test]
    async fn a_missing_answer_is_slow_and_invalid_json_ends_the_connection() {
        let (connection, _events, _input_end, mut output_end) = connected();
        let silent = ask(&connection, SOON).await.unwrap_err();
        assert!(matches!(silent, BrowserError::Slow { .. }), "{silent}");
        output_end.write_all(b"{nonsense\0").await.unwrap();
        let gone = ask(&connection, LATE).await.unwrap_err();
        assert!(matches!(gone, BrowserError::Ended { .. }), "{gone}");
        let still = ask(&connection, LATE).await.unwrap_err();
        assert!(matches!(still, BrowserError::Ended { .. }), "{still}");
    }
}
