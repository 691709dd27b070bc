//! A model with scripted responses, over HTTP on the loopback interface.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The response to one request.
pub(crate) enum ScriptedAnswer {
    /// A message with these content blocks.
    Blocks(Vec<Value>),
    /// An error with this message.
    Status(u16, &'static str),
    /// No response, ever.
    Hang,
    /// A delayed response.
    Slow(Duration, Box<ScriptedAnswer>),
}

impl ScriptedAnswer {
    pub(crate) fn text(text: &str) -> Self {
        Self::Blocks(vec![json!({"type": "text", "text": text})])
    }

    pub(crate) fn tool(name: &str, input: &Value) -> Self {
        Self::Blocks(vec![tool_use(name, input)])
    }

    pub(crate) fn text_and_tool(text: &str, name: &str, input: &Value) -> Self {
        Self::Blocks(vec![
            json!({"type": "text", "text": text}),
            tool_use(name, input),
        ])
    }
}

fn tool_use(name: &str, input: &Value) -> Value {
    let id = format!("toolu_{}", uuid::Uuid::new_v4().simple());
    json!({"type": "tool_use", "id": id, "name": name, "input": input})
}

#[derive(Default)]
struct ScriptedModelState {
    script: VecDeque<ScriptedAnswer>,
    api_key: String,
    last_body: String,
}

/// A server that lives as long as this value.
pub(crate) struct ScriptedModel {
    state: Arc<Mutex<ScriptedModelState>>,
    request_notify: Arc<Notify>,
    port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ScriptedModel {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, request_notify) = (
            Arc::<Mutex<ScriptedModelState>>::default(),
            Arc::new(Notify::new()),
        );
        let server = tokio::spawn(serve(
            listener,
            Arc::clone(&state),
            Arc::clone(&request_notify),
        ));
        Self {
            state,
            request_notify,
            port,
            server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn push_answers(&self, answers: impl IntoIterator<Item = ScriptedAnswer>) {
        self.state.lock().unwrap().script.extend(answers);
    }

    /// Returns a notification of every request.
    pub(crate) fn request_notify(&self) -> Arc<Notify> {
        Arc::clone(&self.request_notify)
    }

    pub(crate) fn api_key(&self) -> String {
        self.state.lock().unwrap().api_key.clone()
    }

    pub(crate) fn last_body(&self) -> String {
        self.state.lock().unwrap().last_body.clone()
    }
}

async fn serve(
    listener: TcpListener,
    state: Arc<Mutex<ScriptedModelState>>,
    request_notify: Arc<Notify>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, request_notify) = (Arc::clone(&state), Arc::clone(&request_notify));
        let service = service_fn(move |request| {
            let (state, request_notify) = (Arc::clone(&state), Arc::clone(&request_notify));
            async move { Ok::<_, Infallible>(respond(request, &state, &request_notify).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn respond(
    request: Request<Incoming>,
    state: &Mutex<ScriptedModelState>,
    request_notify: &Notify,
) -> Response<Full<Bytes>> {
    assert_eq!(request.uri().path(), "/v1/messages");
    let key = request
        .headers()
        .get("x-api-key")
        .map(|key| key.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let answer = {
        let mut state = state.lock().unwrap();
        state.api_key = key.unwrap_or_default();
        state.last_body = String::from_utf8(body.to_vec()).unwrap();
        state.script.pop_front()
    };
    request_notify.notify_one();
    render_answer(answer.unwrap_or(ScriptedAnswer::Status(400, "the script has ended"))).await
}

async fn render_answer(mut answer: ScriptedAnswer) -> Response<Full<Bytes>> {
    while let ScriptedAnswer::Slow(delay, then) = answer {
        tokio::time::sleep(delay).await;
        answer = *then;
    }
    let (status, kind, body) = match answer {
        ScriptedAnswer::Blocks(blocks) => (200, "text/event-stream", events(&blocks)),
        ScriptedAnswer::Status(status, message) => {
            let error = json!({"type": "api_error", "message": message});
            (
                status,
                "application/json",
                json!({"type": "error", "error": error}).to_string(),
            )
        }
        ScriptedAnswer::Hang | ScriptedAnswer::Slow(..) => std::future::pending().await,
    };
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

fn events(blocks: &[Value]) -> String {
    let mut text = String::new();
    let mut event = |kind: &str, mut data: Value| {
        data["type"] = kind.into();
        write!(text, "event: {kind}\ndata: {data}\n\n").unwrap();
    };
    let usage = json!({"input_tokens": 100, "output_tokens": 1});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [],
        "model": "claude-sonnet-5-5", "stop_reason": null, "stop_sequence": null, "usage": usage});
    event("message_start", json!({"message": message}));
    let mut stop = "end_turn";
    for (index, block) in blocks.iter().enumerate() {
        let (start, delta) = if block["type"] == "tool_use" {
            stop = "tool_use";
            let mut start = block.clone();
            start["input"] = json!({});
            (
                start,
                json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}),
            )
        } else {
            let delta = json!({"type": "text_delta", "text": block["text"]});
            (json!({"type": "text", "text": ""}), delta)
        };
        event(
            "content_block_start",
            json!({"index": index, "content_block": start}),
        );
        event(
            "content_block_delta",
            json!({"index": index, "delta": delta}),
        );
        event("content_block_stop", json!({"index": index}));
    }
    let delta = json!({"stop_reason": stop, "stop_sequence": null});
    event(
        "message_delta",
        json!({"delta": delta, "usage": {"output_tokens": 20}}),
    );
    event("message_stop", json!({}));
    text
}
