//! Plain HTTP by absolute URI: metered in both directions and cut short if a limit is reached.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::door::state::DoorState;
use crate::egress::audit_record::EgressRecord;
use crate::egress::decision::config::EgressLimits;
use crate::egress::traffic_meter::TrafficDirection;
use crate::http::api_response::{BodyTruncated, ResponseBody};
use eklavya_core::egress::EgressTarget;
use eklavya_sandbox::proxy::{self, TargetConnection};

/// Lives as long as a request and its response: the audit record, and the connection permit.
struct ForwardedRequest {
    record: EgressRecord,
    _slot: OwnedSemaphorePermit,
    limit_reached: CancellationToken,
}

/// Sends a request and streams the response until a limit is reached.
pub(crate) async fn forward_request(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    to: (TcpStream, &EgressTarget),
    (record, permit): (EgressRecord, OwnedSemaphorePermit),
    limits: EgressLimits,
) -> Result<Response<ResponseBody>, (StatusCode, String)> {
    let exchange = Arc::new(ForwardedRequest {
        record,
        _slot: permit,
        limit_reached: CancellationToken::new(),
    });
    let sent = exchange_with_target(door, request, to, &exchange, limits).await;
    if let Err((_, why)) = &sent {
        exchange.record.set_end_reason(why);
    }
    sent
}

async fn exchange_with_target(
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    (stream, target): (TcpStream, &EgressTarget),
    exchange: &Arc<ForwardedRequest>,
    limits: EgressLimits,
) -> Result<Response<ResponseBody>, (StatusCode, String)> {
    let (head, body) = request.into_parts();
    let head = proxy::rewrite_head(head, target);
    let head = head.map_err(|why| (StatusCode::BAD_REQUEST, why.to_string()))?;
    let request = Request::from_parts(
        head,
        metered_body(body, exchange.clone(), TrafficDirection::Up),
    );
    let drive = |connection| drive_connection(door, connection, exchange, limits);
    let sent = proxy::send_request(request, stream, drive).await;
    let sent = sent.map_err(|why| {
        let why = format!("the target did not respond: {why}");
        (StatusCode::BAD_GATEWAY, why)
    })?;
    Ok(sent.map(|body| metered_body(body, exchange.clone(), TrafficDirection::Down)))
}

/// Drives the connection until it ends, a limit is reached or the door closes.
fn drive_connection(
    door: &DoorState,
    connection: TargetConnection<ResponseBody>,
    exchange: &Arc<ForwardedRequest>,
    limits: EgressLimits,
) {
    let (closing, meter) = (door.closing.clone(), exchange.record.meter.clone());
    // The audit row is written when the last body is dropped; a strong reference would delay it.
    let watched = Arc::downgrade(exchange);
    door.tracker.spawn(async move {
        tokio::select! {
            () = closing.cancelled() => {}
            // The reader of the response sees the error.
            _ = connection => {}
            spent = meter.wait_for_limit(&limits) => {
                if let Some(exchange) = watched.upgrade() {
                    exchange.record.set_end_reason(&spent.to_string());
                    exchange.limit_reached.cancel();
                }
            }
        }
    });
}

fn metered_body(
    body: Incoming,
    exchange: Arc<ForwardedRequest>,
    way: TrafficDirection,
) -> ResponseBody {
    if body.is_end_stream() {
        return body.map_err(|_| BodyTruncated).boxed();
    }
    let over = Box::pin(exchange.limit_reached.clone().cancelled_owned());
    let metered = MeteredBody {
        body,
        forwarded: exchange,
        direction: way,
        limit_reached: over,
    };
    metered.boxed()
}

/// A body that counts its bytes and fails if a limit is reached, so that a partial body is not
/// taken for a complete one.
struct MeteredBody {
    body: Incoming,
    forwarded: Arc<ForwardedRequest>,
    direction: TrafficDirection,
    limit_reached: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = BodyTruncated;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyTruncated>>> {
        if self.limit_reached.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(BodyTruncated)));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.forwarded.record.meter.add(self.direction, bytes);
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(|_| BodyTruncated)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
