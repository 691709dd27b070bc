//! A model endpoint on the loopback interface. It plays a script to the real CLI through the real
//! gateway, bills like the real endpoint, and records every request and its price.

pub mod agent_lookup;
pub mod bill;

use std::convert::Infallible;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use eklavya_gateway::rehearsal::conversation::{RequestPurpose, next_step, request_purpose};
use eklavya_gateway::rehearsal::message::RehearsedMessage;
use eklavya_gateway::rehearsal::template::TemplateValues;
use eklavya_gateway::{DoorSpec, RehearsalScript};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::install::database::DatabaseAddress;
use crate::upstream::agent_lookup::{AgentLookup, session_id};
use crate::upstream::bill::{RequestBill, expensive_usage};

/// The longest wait for a request: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A request and its result.
#[derive(Debug, Clone, Default)]
pub struct RecordedRequest {
    pub project: String,
    /// The role of the agent.
    pub role: String,
    /// The key of the agent's task.
    pub task: String,
    pub agent: String,
    /// The attempt at the task.
    pub attempt: u32,
    /// The step of the script that the request is for, from 0.
    pub step: usize,
    /// The number of earlier requests for this step of this attempt.
    pub again: usize,
    /// The id of the conversation.
    pub session: String,
    /// The credential in the request.
    pub key: String,
    /// The id in the answer.
    pub request_id: String,
    /// The usage and price of the request.
    pub bill: RequestBill,
    /// Whether the whole answer was sent.
    pub whole: bool,
    /// Whether the answer was an error.
    pub refused: bool,
}

impl RecordedRequest {
    /// Returns whether the request is for this step of this task.
    pub fn is_step(&self, task: &str, step: usize) -> bool {
        self.task == task && self.step == step
    }
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub enum ScriptedReply {
    /// The script's answer, which is charged.
    Play,
    /// An error with a status, headers and a message; it is not charged.
    Error(u16, Vec<(&'static str, String)>, &'static str),
    /// The script's answer when the test releases it; it is charged.
    PlayAfter(Arc<Notify>),
    /// No answer, ever; it is not charged.
    Hang,
    /// Only the first events of the script's answer, without an end; the whole answer is charged.
    HangAfter(usize),
    /// The first events of the script's answer, then the connection ends; the whole answer is
    /// charged.
    CutAfter(usize),
}

type ReplyRule = Box<dyn Fn(&RecordedRequest) -> ScriptedReply + Send + Sync>;
type ReplyBody = UnsyncBoxBody<Bytes, AnswerCut>;

/// The error that cuts an answer off.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct AnswerCut;

/// A running endpoint, which ends with the test.
pub struct FakeUpstream {
    /// The URL of the endpoint.
    pub url: String,
    endpoint: Arc<UpstreamState>,
    _runtime: Runtime,
}

struct UpstreamState {
    callers: AgentLookup,
    script: RehearsalScript,
    rule: Mutex<Arc<ReplyRule>>,
    log: Mutex<Vec<RecordedRequest>>,
    changed: Condvar,
}

impl FakeUpstream {
    /// Starts an endpoint for the agents in a database.
    pub fn start(database: DatabaseAddress, script: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Arc::new(UpstreamState {
            callers: AgentLookup::of(database),
            script: RehearsalScript::parse("script.yaml".as_ref(), script.as_bytes()).unwrap(),
            rule: Mutex::new(Arc::new(Box::new(|_| ScriptedReply::Play))),
            log: Mutex::default(),
            changed: Condvar::new(),
        });
        runtime.spawn(accept(Arc::clone(&endpoint), listener));
        Self {
            url,
            endpoint,
            _runtime: runtime,
        }
    }

    /// Looks for agents in the database at `url` from now on.
    pub fn look_for_agents_in(&self, url: &str) {
        self.endpoint.callers.look_in(url);
    }

    /// Answers by `rule` from now on.
    pub fn answer_with(
        &self,
        rule: impl Fn(&RecordedRequest) -> ScriptedReply + Send + Sync + 'static,
    ) {
        *self.endpoint.rule.lock().unwrap() = Arc::new(Box::new(rule));
    }

    /// Plays the script from now on.
    pub fn play_script(&self) {
        self.answer_with(|_| ScriptedReply::Play);
    }

    /// Returns all requests so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.endpoint.log.lock().unwrap().clone()
    }

    /// Returns the sum of the charges so far, in micro-dollars.
    pub fn charged_micros(&self) -> i64 {
        self.requests()
            .iter()
            .map(|recorded| recorded.bill.micros)
            .sum()
    }

    /// Waits for a request for which `wanted` returns true.
    #[track_caller]
    pub fn wait_for_request(&self, wanted: impl Fn(&RecordedRequest) -> bool) -> RecordedRequest {
        let log = self.endpoint.log.lock().unwrap();
        let found = |log: &[RecordedRequest]| log.iter().find(|recorded| wanted(recorded)).cloned();
        let (log, _) = self
            .endpoint
            .changed
            .wait_timeout_while(log, PATIENCE, |log| found(log).is_none())
            .unwrap();
        found(&log).unwrap_or_else(|| panic!("no such request arrived; all requests: {log:#?}"))
    }
}

async fn accept(endpoint: Arc<UpstreamState>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let endpoint = Arc::clone(&endpoint);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer_request(Arc::clone(&endpoint), request));
            // The gateway decides how a connection ends.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer_request(
    endpoint: Arc<UpstreamState>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(head.uri.path(), "/v1/messages");
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    let key = head.headers["x-api-key"].to_str().unwrap().to_owned();
    let Some(session) = session_id(&json) else {
        return Ok(endpoint.answer_raw_request(key, &json, bytes.len()));
    };
    let spec = endpoint.callers.find_caller(&session).await;
    let recorded = RecordedRequest {
        project: spec.slug.clone(),
        role: spec.role.to_string(),
        task: spec.task_key.clone(),
        agent: spec.agent.to_string(),
        attempt: spec.attempt,
        step: next_step(&json, spec.attempt),
        session,
        key,
        ..RecordedRequest::default()
    };
    let (mut recorded, number) = endpoint.record_request(recorded);
    let rule = Arc::clone(&endpoint.rule.lock().unwrap());
    let reply = rule(&recorded);
    let mut message = endpoint.message(&spec, &json, recorded.step);
    message.usage = expensive_usage(bytes.len(), number, &message);
    message.truncate_to(json["max_tokens"].as_u64().unwrap());
    if matches!(
        reply,
        ScriptedReply::Play
            | ScriptedReply::PlayAfter(_)
            | ScriptedReply::HangAfter(_)
            | ScriptedReply::CutAfter(_)
    ) {
        recorded.bill = RequestBill::of(json["model"].as_str().unwrap(), message.usage);
    }
    recorded.whole = matches!(reply, ScriptedReply::Play | ScriptedReply::PlayAfter(_));
    recorded.refused = matches!(reply, ScriptedReply::Error(..));
    endpoint.update_request(number, recorded.clone());
    match reply {
        ScriptedReply::Hang => std::future::pending().await,
        ScriptedReply::PlayAfter(released) => {
            released.notified().await;
            Ok(played_response(
                &ScriptedReply::Play,
                &json,
                &message,
                &recorded.request_id,
            ))
        }
        ScriptedReply::Error(status, headers, text) => Ok(error_response(status, &headers, text)),
        reply => Ok(played_response(
            &reply,
            &json,
            &message,
            &recorded.request_id,
        )),
    }
}

impl UpstreamState {
    /// Records a request; returns it with its number.
    fn record_request(&self, mut recorded: RecordedRequest) -> (RecordedRequest, usize) {
        let mut log = self.log.lock().unwrap();
        let same = |before: &&RecordedRequest| {
            before.is_step(&recorded.task, recorded.step) && before.attempt == recorded.attempt
        };
        recorded.again = log.iter().filter(same).count();
        recorded.request_id = format!("req_{:04}", log.len());
        log.push(recorded.clone());
        (recorded, log.len() - 1)
    }

    /// Answers a request that a program other than the CLI sends from a sandbox, and charges all
    /// tokens that the request allows.
    fn answer_raw_request(&self, key: String, json: &Value, bytes: usize) -> Response<ReplyBody> {
        let raw = RecordedRequest {
            task: "raw".to_owned(),
            key,
            ..RecordedRequest::default()
        };
        let (mut recorded, number) = self.record_request(raw);
        let model = json["model"].as_str().unwrap();
        let mut message = RehearsedMessage::from_text(model, "As much as I may.");
        message.usage.input = bytes as u64 / 4;
        message.usage.output = json["max_tokens"].as_u64().unwrap();
        recorded.bill = RequestBill::of(model, message.usage);
        recorded.whole = true;
        self.update_request(number, recorded.clone());
        played_response(&ScriptedReply::Play, json, &message, &recorded.request_id)
    }

    fn update_request(&self, number: usize, recorded: RecordedRequest) {
        self.log.lock().unwrap()[number] = recorded;
        self.changed.notify_all();
    }

    fn message(&self, spec: &DoorSpec, json: &Value, step: usize) -> RehearsedMessage {
        assert_eq!(request_purpose(json), RequestPurpose::Turn);
        let model = json["model"].as_str().unwrap();
        let part = self
            .script
            .find_part(spec.role, &spec.task_key, spec.attempt);
        let part = part.unwrap_or_else(|| panic!("the script does not know {spec:?}"));
        match part.steps.get(step) {
            Some(step_) => {
                let values = TemplateValues::for_agent(spec);
                RehearsedMessage::from_step(step_, (spec.attempt, step), &values, model).unwrap()
            }
            None => RehearsedMessage::from_text(model, "There is nothing further to say."),
        }
    }
}

fn played_response(
    reply: &ScriptedReply,
    json: &Value,
    message: &RehearsedMessage,
    request_id: &str,
) -> Response<ReplyBody> {
    let streamed = json["stream"] == true;
    let (kind, mut pieces) = if streamed {
        ("text/event-stream", message.to_events())
    } else {
        let whole = Bytes::from(message.to_json().to_string());
        ("application/json", vec![whole])
    };
    if let ScriptedReply::HangAfter(events) | ScriptedReply::CutAfter(events) = reply {
        pieces.truncate(*events);
    }
    let end = match reply {
        ScriptedReply::HangAfter(_) => stream::pending().boxed(),
        ScriptedReply::CutAfter(_) => stream::once(async {
            // The pieces before the end must be flushed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(AnswerCut)
        })
        .boxed(),
        ScriptedReply::Play
        | ScriptedReply::PlayAfter(_)
        | ScriptedReply::Error(..)
        | ScriptedReply::Hang => stream::empty().boxed(),
    };
    let pieces = stream::iter(pieces).map(|piece| Ok(Frame::data(piece)));
    Response::builder()
        .header("content-type", kind)
        .header("request-id", request_id)
        .body(StreamBody::new(pieces.chain(end)).boxed_unsync())
        .unwrap()
}

fn error_response(
    status: u16,
    headers: &[(&'static str, String)],
    text: &str,
) -> Response<ReplyBody> {
    let body = json!({ "type": "error", "error": { "type": "an_error", "message": text } });
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    let piece = stream::iter([Ok(Frame::data(Bytes::from(body.to_string())))]);
    response
        .header("content-type", "application/json")
        .body(StreamBody::new(piece).boxed_unsync())
        .unwrap()
}
