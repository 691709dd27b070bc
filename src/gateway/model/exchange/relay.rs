//! Relays a response as it arrives, and settles its cost.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use crate::api::model_call::ModelCall;
use crate::api::upstream_call::{
    ChunkStream, REQUEST_ID, UpstreamResponse, read_up_to, response_headers,
};
use crate::api::usage::{StreamUsage, usage_of_json};
use crate::door::state::DoorState;
use crate::http::api_response::{
    BodyTruncated, ResponseBody, error_object, full_body, json_response,
};
use crate::model::settlement::{LedgerSettlement, settle_reservation};
use crate::model::state::ModelState;
use crate::rehearsal::conversation::{RequestPurpose, request_purpose};
use crate::rehearsal::recorder::RehearsalRecorder;
use crate::rehearsal::recording::ResponseRecording;
use eklavya_core::ledger::{Reservation, TokenUsage};

/// Size limit of a response that is not a stream.
const MAX_JSON_BYTES: usize = 64 * 1024 * 1024;
/// Chunks that are buffered for an agent that reads slowly.
const CHUNK_QUEUE: usize = 16;

type ChunkSender = mpsc::Sender<Result<Frame<Bytes>, BodyTruncated>>;

/// A response in transit, with the reservation that it settles.
pub(crate) struct ResponseRelay {
    model: Arc<ModelState>,
    door: Arc<DoorState>,
    model_name: String,
    reservation: Reservation,
    recording: Option<ResponseRecording>,
    request_id: Option<String>,
    settled: bool,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RelayEnd {
    Complete,
    Truncated,
    AgentGone,
}

impl RelayEnd {
    /// Errors after the last event of a response do not matter.
    fn unless_complete(meter: &StreamUsage, end: RelayEnd) -> RelayEnd {
        if meter.stopped() {
            RelayEnd::Complete
        } else {
            end
        }
    }
}

impl ResponseRelay {
    pub fn new(
        model: Arc<ModelState>,
        door: Arc<DoorState>,
        call: &ModelCall,
        held: Reservation,
        subagent: bool,
    ) -> Self {
        let recorder = model.recorder.as_ref();
        let recorder = recorder.filter(|_| !subagent && is_conversation_turn(call.body()));
        let recording = recorder.map(|recorder| start_recording(recorder, &model, &door));
        Self {
            model_name: call.model.clone(),
            model,
            door,
            reservation: held,
            recording,
            request_id: None,
            settled: false,
        }
    }

    pub async fn run(
        mut self,
        incoming: UpstreamResponse,
        response_sender: oneshot::Sender<Response<ResponseBody>>,
    ) {
        let headers = &incoming.headers;
        let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        self.request_id = id.map(str::to_owned);
        let legible = headers
            .get(CONTENT_ENCODING)
            .is_none_or(|encoding| encoding == "identity");
        if is_event_stream(headers) && legible {
            self.relay_stream(incoming, response_sender).await;
        } else {
            self.relay_complete(incoming, response_sender).await;
        }
    }

    async fn relay_stream(
        mut self,
        incoming: UpstreamResponse,
        response_sender: oneshot::Sender<Response<ResponseBody>>,
    ) {
        let (pieces, passed_on) = mpsc::channel(CHUNK_QUEUE);
        let body = ResponseBody::new(StreamBody::new(flush_before_error(passed_on)));
        let mut meter = StreamUsage::default();
        let end =
            match response_sender.send(build_response(incoming.status, &incoming.headers, body)) {
                Ok(()) => {
                    self.forward_chunks(incoming.body, &pieces, &mut meter)
                        .await
                }
                Err(_) => RelayEnd::AgentGone,
            };
        self.settle(meter.settled()).await;
        if end == RelayEnd::Complete && !meter.failed() {
            self.finish().await;
        } else if end == RelayEnd::Truncated {
            tracing::warn!(agent = %self.door.spec.agent, "the model's response was cut short");
            let _ = pieces.send(Err(BodyTruncated)).await;
        }
    }

    /// Forwards each chunk. The ledger is settled before the agent can see the end.
    async fn forward_chunks(
        &mut self,
        mut body: ChunkStream,
        pieces: &ChunkSender,
        meter: &mut StreamUsage,
    ) -> RelayEnd {
        let idle = self.model.timeouts.idle;
        loop {
            let next = tokio::select! {
                biased;
                () = pieces.closed() => return RelayEnd::unless_complete(meter, RelayEnd::AgentGone),
                next = tokio::time::timeout(idle, body.next()) => next,
            };
            let Ok(Some(Ok(piece))) = next else {
                return RelayEnd::unless_complete(meter, RelayEnd::Truncated);
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
                return RelayEnd::unless_complete(meter, RelayEnd::AgentGone);
            }
        }
    }

    /// Forwards a response that is not a stream once it is complete.
    async fn relay_complete(
        mut self,
        incoming: UpstreamResponse,
        mut response_sender: oneshot::Sender<Response<ResponseBody>>,
    ) {
        let UpstreamResponse {
            status,
            headers,
            body,
        } = incoming;
        let read = self.read_to_end(body, &mut response_sender).await;
        let usage = read.as_ref().and_then(|body| usage_of_json(body));
        self.settle(usage).await;
        let Some(body) = read else {
            let error = error_object(
                StatusCode::BAD_GATEWAY,
                "the model's response was cut short",
            );
            let _ = response_sender.send(json_response(StatusCode::BAD_GATEWAY, &error));
            return;
        };
        if let Some(recording) = &mut self.recording {
            recording.read_json(&body);
        }
        self.finish().await;
        let _ = response_sender.send(build_response(status, &headers, full_body(body)));
    }

    /// Returns the body; `None` if it is cut short or the agent disconnects.
    async fn read_to_end(
        &self,
        body: ChunkStream,
        response_sender: &mut oneshot::Sender<Response<ResponseBody>>,
    ) -> Option<Bytes> {
        let reading = read_up_to(body, MAX_JSON_BYTES);
        let first_byte = self.model.timeouts.first_byte;
        tokio::select! {
            biased;
            () = response_sender.closed() => None,
            read = tokio::time::timeout(first_byte, reading) => read.ok().flatten(),
        }
    }

    /// Settles the usage, or the whole reservation if the usage is unknown; only once.
    async fn settle(&mut self, usage: Option<TokenUsage>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let settlement = usage.map_or(LedgerSettlement::UpperBound, |usage| {
            LedgerSettlement::Exact {
                usage,
                amount: self.model.pricing.cost(&self.model_name, &usage),
            }
        });
        settle_reservation(
            &self.model.costs,
            self.reservation.id,
            settlement,
            self.request_id.as_deref(),
        )
        .await;
    }

    async fn finish(&mut self) {
        self.door.clear_error();
        if let Some(recording) = self.recording.take() {
            recording.finish().await;
        }
    }
}

/// Starts to record a response, without the credential and the door's key.
fn start_recording(
    recorder: &Arc<RehearsalRecorder>,
    model: &ModelState,
    door: &DoorState,
) -> ResponseRecording {
    let secrets = model.backend.secret().into_iter();
    let secrets = secrets.chain([door.token().clone()]).collect();
    let redactor = model.costs.data().redactor().clone();
    ResponseRecording::start(recorder.clone(), &door.spec, secrets, redactor)
}

fn build_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: ResponseBody,
) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = response_headers(headers);
    response
}

/// Summaries and searches are not turns of the conversation, so they are not steps of a script.
fn is_conversation_turn(body: &[u8]) -> bool {
    let request = serde_json::from_slice(body).unwrap_or_default();
    request_purpose(&request) == RequestPurpose::Turn
}

/// Lets the server flush the chunks before an error: hyper drops its buffer if a body fails.
fn flush_before_error(
    pieces: mpsc::Receiver<Result<Frame<Bytes>, BodyTruncated>>,
) -> impl Stream<Item = Result<Frame<Bytes>, BodyTruncated>> {
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
