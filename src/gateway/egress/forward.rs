//! Plain HTTP by absolute URI: counted both ways, and cut short where a limit is reached.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::EgressLimits;
use super::meter::Way;
use super::record::Record;
use crate::api_error::{AnswerBody, CutShort};
use crate::door::DoorState;
use eklavya_core::domain::egress::Target;
use eklavya_sandbox::proxy::{self, Connection};

/// What lasts as long as a request and its answer: the row that tells of them, and their place among
/// the agent's connections.
struct Exchange {
    record: Record,
    _place: OwnedSemaphorePermit,
    /// Cancelled when a limit is reached.
    over: CancellationToken,
}

/// Sends a request and returns the answer as it comes, until a limit is reached.
pub(super) async fn send(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    to: (TcpStream, &Target),
    (record, place): (Record, OwnedSemaphorePermit),
    limits: EgressLimits,
) -> Result<Response<AnswerBody>, (StatusCode, String)> {
    let exchange = Arc::new(Exchange {
        record,
        _place: place,
        over: CancellationToken::new(),
    });
    let sent = exchanged(door, request, to, &exchange, limits).await;
    if let Err((_, why)) = &sent {
        exchange.record.ended(why);
    }
    sent
}

async fn exchanged(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    (stream, target): (TcpStream, &Target),
    exchange: &Arc<Exchange>,
    limits: EgressLimits,
) -> Result<Response<AnswerBody>, (StatusCode, String)> {
    let (head, body) = request.into_parts();
    let head = proxy::outgoing(head, target);
    let head = head.map_err(|why| (StatusCode::BAD_REQUEST, why.to_string()))?;
    let request = Request::from_parts(head, counted(body, exchange.clone(), Way::Up));
    let drive = |connection| carry(door, connection, exchange, limits);
    let sent = proxy::send(request, stream, drive).await;
    let sent = sent.map_err(|why| {
        let why = format!("it did not answer: {why}");
        (StatusCode::BAD_GATEWAY, why)
    })?;
    Ok(sent.map(|body| counted(body, exchange.clone(), Way::Down)))
}

/// Has the connection run until it ends, a limit is reached or the door closes.
fn carry(
    door: &DoorState,
    connection: Connection<AnswerBody>,
    exchange: &Arc<Exchange>,
    limits: EgressLimits,
) {
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
