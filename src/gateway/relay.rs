//! Passes an answer on as it comes, and settles what it cost.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::api_error::{AnswerBody, CutShort, error_json, full, json_answer};
use super::backend::{Incoming, PieceStream};
use super::door::DoorState;
use super::gateway::Inner;
use super::refusal::{REQUEST_ID, answer_headers, read_up_to};
use super::rehearsal::conversation::{Purpose, purpose};
use super::rehearsal::recording::Recording;
use super::request::ModelCall;
use super::settlement::{Booking, book};
use super::usage::{StreamUsage, usage_of_json};
use eklavya_core::domain::ledger::{Reservation, TokenUsage};

/// No answer that is not a stream is longer.
const MAX_JSON_BYTES: usize = 64 * 1024 * 1024;
/// Pieces on their way to an agent that reads slowly.
const PIECES: usize = 16;

type Pieces = mpsc::Sender<Result<Frame<Bytes>, CutShort>>;

/// An answer that passes through, and the reservation that it settles.
pub(super) struct Relay {
    inner: Arc<Inner>,
    door: Arc<DoorState>,
    model: String,
    held: Reservation,
    recording: Option<Recording>,
    request_id: Option<String>,
    settled: bool,
}

/// How a stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Cut,
    AgentGone,
}

impl End {
    /// What comes after the last event of an answer takes nothing away from it.
    fn after(meter: &StreamUsage, end: End) -> End {
        if meter.stopped() { End::Complete } else { end }
    }
}

impl Relay {
    pub fn new(
        inner: Arc<Inner>,
        door: Arc<DoorState>,
        call: &ModelCall,
        held: Reservation,
        subagent: bool,
    ) -> Self {
        let recording = inner
            .recorder
            .as_ref()
            .filter(|_| !subagent && is_turn(call.body()))
            .map(|recorder| {
                let secrets = inner
                    .backend
                    .secret()
                    .into_iter()
                    .chain([door.token().clone()]);
                let redactor = inner.costs.desk().redactor().clone();
                recorder.start(&door.spec, secrets.collect(), redactor)
            });
        let model = call.model.clone();
        Self {
            inner,
            door,
            model,
            held,
            recording,
            request_id: None,
            settled: false,
        }
    }

    pub async fn run(mut self, incoming: Incoming, answer: oneshot::Sender<Response<AnswerBody>>) {
        let headers = &incoming.headers;
        let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        self.request_id = id.map(str::to_owned);
        let legible = headers
            .get(CONTENT_ENCODING)
            .is_none_or(|encoding| encoding == "identity");
        if is_event_stream(headers) && legible {
            self.stream(incoming, answer).await;
        } else {
            self.whole(incoming, answer).await;
        }
    }

    async fn stream(mut self, incoming: Incoming, answer: oneshot::Sender<Response<AnswerBody>>) {
        let (pieces, passed_on) = mpsc::channel(PIECES);
        let body = AnswerBody::new(StreamBody::new(flushed(passed_on)));
        let mut meter = StreamUsage::default();
        let end = match answer.send(response(incoming.status, &incoming.headers, body)) {
            Ok(()) => self.pass_on(incoming.body, &pieces, &mut meter).await,
            Err(_) => End::AgentGone,
        };
        self.settle(meter.settled()).await;
        if end == End::Complete && !meter.failed() {
            self.finish().await;
        } else if end == End::Cut {
            tracing::warn!(agent = %self.door.spec.agent, "the model's answer was cut");
            let _ = pieces.send(Err(CutShort)).await;
        }
    }

    /// Passes piece after piece on. The ledger is settled before the agent can see the end.
    async fn pass_on(
        &mut self,
        mut body: PieceStream,
        pieces: &Pieces,
        meter: &mut StreamUsage,
    ) -> End {
        let idle = self.inner.patience.idle;
        loop {
            let next = tokio::select! {
                biased;
                () = pieces.closed() => return End::after(meter, End::AgentGone),
                next = tokio::time::timeout(idle, body.next()) => next,
            };
            let Ok(Some(Ok(piece))) = next else {
                return End::after(meter, End::Cut);
            };
            self.door.touch();
            meter.feed(&piece);
            if let Some(recording) = &mut self.recording {
                recording.feed(&piece);
            }
            if meter.stopped() {
                self.settle(meter.settled()).await;
            }
            let sent = tokio::time::timeout(idle, pieces.send(Ok(Frame::data(piece)))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return End::after(meter, End::AgentGone);
            }
        }
    }

    /// An answer that is not a stream is passed on when all of it is there.
    async fn whole(
        mut self,
        incoming: Incoming,
        mut answer: oneshot::Sender<Response<AnswerBody>>,
    ) {
        let Incoming {
            status,
            headers,
            body,
        } = incoming;
        let reading = read_up_to(body, MAX_JSON_BYTES);
        let first_byte = self.inner.patience.first_byte;
        let read = tokio::select! {
            biased;
            () = answer.closed() => None,
            read = tokio::time::timeout(first_byte, reading) => read.ok().flatten(),
        };
        let usage = read.as_ref().and_then(|body| usage_of_json(body));
        self.settle(usage).await;
        let Some(body) = read else {
            let error = error_json(StatusCode::BAD_GATEWAY, "the model's answer was cut short");
            let _ = answer.send(json_answer(StatusCode::BAD_GATEWAY, &error));
            return;
        };
        if let Some(recording) = &mut self.recording {
            recording.take_json(&body);
        }
        self.finish().await;
        let _ = answer.send(response(status, &headers, full(body)));
    }

    /// Books what was used, or all that was held where that is not known; once.
    async fn settle(&mut self, usage: Option<TokenUsage>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let booking = usage.map_or(Booking::UpperBound, |usage| Booking::Exact {
            usage,
            amount: self.inner.pricing.cost(&self.model, &usage),
        });
        book(
            &self.inner.costs,
            self.held.id,
            booking,
            self.request_id.as_deref(),
        )
        .await;
    }

    async fn finish(&mut self) {
        self.door.succeed();
        if let Some(recording) = self.recording.take() {
            recording.keep().await;
        }
    }
}

fn response(status: StatusCode, headers: &HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = answer_headers(headers);
    response
}

/// Summaries and searches are not turns of the conversation, and no steps of a script.
fn is_turn(body: &[u8]) -> bool {
    let request = serde_json::from_slice(body).unwrap_or_default();
    purpose(&request) == Purpose::Turn
}

/// Lets the server flush what came before a cut: it drops what it still holds when a body fails.
fn flushed(
    pieces: mpsc::Receiver<Result<Frame<Bytes>, CutShort>>,
) -> impl Stream<Item = Result<Frame<Bytes>, CutShort>> {
    ReceiverStream::new(pieces).then(|piece| async {
        if piece.is_err() {
            tokio::task::yield_now().await;
        }
        piece
    })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/event-stream"))
}
