//! Plain HTTP by absolute URI: the request is made anew towards the target.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::EgressLimits;
use super::meter::Way;
use super::record::Record;
use crate::gateway::api_error::{AnswerBody, CutShort};
use crate::gateway::door::DoorState;

/// Headers that are about one connection (RFC 9110, section 7.6.1), and those that are for us.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What lasts as long as a request and its answer: the row that tells of them, and their place among
/// the agent's connections.
struct Exchange {
    record: Record,
    _place: OwnedSemaphorePermit,
    /// Cancelled when a limit is reached.
    over: CancellationToken,
}

/// Sends a request on `stream` and returns the answer as it comes, until a limit is reached.
pub(super) async fn send(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    stream: TcpStream,
    (record, place): (Record, OwnedSemaphorePermit),
    limits: EgressLimits,
) -> Result<Response<AnswerBody>, (StatusCode, String)> {
    let exchange = Arc::new(Exchange {
        record,
        _place: place,
        over: CancellationToken::new(),
    });
    let sent = exchanged(door, request, stream, &exchange, limits).await;
    if let Err((_, why)) = &sent {
        exchange.record.ended(why);
    }
    sent
}

async fn exchanged(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    stream: TcpStream,
    exchange: &Arc<Exchange>,
    limits: EgressLimits,
) -> Result<Response<AnswerBody>, (StatusCode, String)> {
    let failed = |why: hyper::Error| (StatusCode::BAD_GATEWAY, format!("it did not answer: {why}"));
    let request = outgoing(request, exchange).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .map_err(failed)?;
    let (closing, meter) = (door.closing.clone(), exchange.record.meter.clone());
    // The row is written when the last body is gone; this is not to keep it.
    let watched = Arc::downgrade(exchange);
    door.tracker.spawn(async move {
        tokio::select! {
            () = closing.cancelled() => {}
            // What went wrong is told to whoever reads the answer.
            _ = connection => {}
            spent = meter.spent(&limits) => {
                if let Some(exchange) = watched.upgrade() {
                    exchange.record.ended(&spent.to_string());
                    exchange.over.cancel();
                }
            }
        }
    });
    let (mut head, body) = sender
        .send_request(request)
        .await
        .map_err(failed)?
        .into_parts();
    strip(&mut head.headers);
    Ok(Response::from_parts(
        head,
        counted(body, exchange.clone(), Way::Down),
    ))
}

/// The same request, as the target is to see it: no header decides where it goes but its own URI.
fn outgoing(
    request: Request<Incoming>,
    exchange: &Arc<Exchange>,
) -> Result<Request<AnswerBody>, String> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map(ToString::to_string);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = path.parse::<Uri>().map_err(|why| why.to_string())?;
    let host = HeaderValue::from_str(&authority.unwrap_or_default());
    let host = host.map_err(|why| why.to_string())?;
    head.uri = uri;
    head.version = Version::HTTP_11;
    strip(&mut head.headers);
    head.headers.insert(HOST, host);
    let body = counted(body, exchange.clone(), Way::Up);
    Ok(Request::from_parts(head, body))
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}

fn counted(body: Incoming, exchange: Arc<Exchange>, way: Way) -> AnswerBody {
    if body.is_end_stream() {
        return body.map_err(|_| CutShort).boxed();
    }
    let over = Box::pin(exchange.over.clone().cancelled_owned());
    let counted = Counted {
        body,
        exchange,
        way,
        over,
    };
    counted.boxed()
}

/// A body that counts what passes, and breaks off when a limit is reached: whoever reads it must not
/// take what came so far for the whole.
struct Counted {
    body: Incoming,
    exchange: Arc<Exchange>,
    way: Way,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(CutShort)));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.exchange.record.meter.add(self.way, bytes);
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(|_| CutShort)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
