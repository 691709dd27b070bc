//! An endpoint with scripted responses that records the requests it receives.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::http::api_response::BodyTruncated;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct CapturedRequest {
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl CapturedRequest {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A scripted response.
#[derive(Debug, Clone)]
pub struct CannedResponse {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub pieces: Vec<Bytes>,
    pub end: CannedEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannedEnd {
    Whole,
    Cut,
    Hang,
    /// Closes the connection before any response.
    CloseUnanswered,
}

impl CannedResponse {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        let pieces = vec![Bytes::from(body.to_string())];
        Self {
            status,
            headers,
            pieces,
            end: CannedEnd::Whole,
        }
    }

    pub fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            &json!({"type": "error", "error": {"type": "x", "message": message}}),
        )
    }

    /// A stream that states `input` and `output` tokens.
    pub fn stream(input: u64, output: u64) -> Self {
        let event = |data: Value| Bytes::from(format!("event: e\r\ndata: {data}\r\n\r\n"));
        let start = json!({"type": "message_start",
            "message": {"id": "m", "usage": {"input_tokens": input, "output_tokens": 1}}});
        let text = json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": "h\u{e9}llo"}});
        let end = json!({"type": "message_delta", "usage": {"output_tokens": output}});
        let pieces = vec![
            event(start),
            event(text),
            event(end),
            event(json!({"type": "message_stop"})),
        ];
        let headers = vec![
            ("content-type", "text/event-stream".to_owned()),
            ("request-id", "req_1".to_owned()),
            ("set-cookie", "a=b".to_owned()),
            ("anthropic-organization-id", "org".to_owned()),
        ];
        Self {
            status: 200,
            headers,
            pieces,
            end: CannedEnd::Whole,
        }
    }

    pub fn end_after(mut self, pieces: usize, end: CannedEnd) -> Self {
        self.pieces.truncate(pieces);
        self.end = end;
        self
    }

    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type ResponseFn = Arc<dyn Fn(usize, &CapturedRequest) -> CannedResponse + Send + Sync>;

/// The endpoint. It ends with the test.
pub struct TestUpstream {
    pub url: String,
    requests: Arc<Mutex<Vec<CapturedRequest>>>,
    /// Cancelled when a response is dropped before its end.
    pub abandoned: CancellationToken,
    _end: DropGuard,
}

impl TestUpstream {
    /// Starts an endpoint; `behaviour` receives the index of the request, from 0.
    pub async fn start(
        behaviour: impl Fn(usize, &CapturedRequest) -> CannedResponse + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (end, abandoned) = (CancellationToken::new(), CancellationToken::new());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = CannedServer {
            behaviour: Arc::new(behaviour),
            requests: seen.clone(),
            abandoned: abandoned.clone(),
        };
        tokio::spawn(
            end.clone()
                .run_until_cancelled_owned(server.accept(listener)),
        );
        Self {
            url,
            requests: seen,
            abandoned,
            _end: end.drop_guard(),
        }
    }

    pub fn requests(&self) -> Vec<CapturedRequest> {
        self.requests.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct CannedServer {
    behaviour: ResponseFn,
    requests: Arc<Mutex<Vec<CapturedRequest>>>,
    abandoned: CancellationToken,
}

/// Notifies if a body is dropped before its end.
struct DropNotifier(Option<CancellationToken>);

impl Drop for DropNotifier {
    fn drop(&mut self) {
        if let Some(abandoned) = self.0.take() {
            abandoned.cancel();
        }
    }
}

impl CannedServer {
    async fn accept(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| server.clone().response(request));
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn response(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = BodyTruncated>>, BodyTruncated>
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| BodyTruncated)?.to_bytes();
        let seen = CapturedRequest {
            uri: head.uri.to_string(),
            headers: head.headers,
            body,
        };
        let number = {
            let mut log = self.requests.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        let reply = (self.behaviour)(number, &seen);
        if reply.end == CannedEnd::CloseUnanswered {
            return Err(BodyTruncated);
        }
        let mut response = Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(*name, value);
        }
        Ok(response
            .body(StreamBody::new(self.response_body(reply)))
            .unwrap())
    }

    fn response_body(
        &self,
        reply: CannedResponse,
    ) -> impl futures_util::Stream<Item = Result<Frame<Bytes>, BodyTruncated>> + use<> {
        let pieces = stream::iter(reply.pieces).then(|piece| async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Frame::data(piece))
        });
        let pieces = pieces.map(|piece| piece.map_err(|never| match never {}));
        let end = match reply.end {
            CannedEnd::Hang => stream::pending().boxed(),
            CannedEnd::Cut => stream::once(async {
                tokio::task::yield_now().await;
                Err(BodyTruncated)
            })
            .boxed(),
            CannedEnd::Whole | CannedEnd::CloseUnanswered => stream::empty().boxed(),
        };
        let watch = DropNotifier((reply.end == CannedEnd::Hang).then(|| self.abandoned.clone()));
        pieces.chain(end).map(move |piece| {
            let _ = &watch;
            piece
        })
    }
}
