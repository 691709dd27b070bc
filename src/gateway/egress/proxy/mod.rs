//! The proxy at a door: parses the target, authorizes it and connects.

pub(crate) mod basic_auth;
pub(crate) mod client_hello;
pub(crate) mod forward;
pub(crate) mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::door::egress_policy::EgressPolicy;
use crate::door::state::DoorState;
use crate::egress::audit_record::EgressRecord;
use crate::egress::decision::authorize::authorize_target;
use crate::egress::refusal::EgressRefusal;
use crate::egress::state::EgressState;
use crate::http::api_response::{ResponseBody, full_body};
use eklavya_core::egress::{EgressHost, EgressTarget};
use eklavya_sandbox::proxy::parse_target;

/// The port on which a tunnel must carry TLS for the host that it was opened to.
const TLS_PORT: u16 = 443;

/// Whether a request is for the proxy rather than for the gateway itself.
pub(crate) fn is_proxy_request(request: &Request<Incoming>) -> bool {
    request.method() == Method::CONNECT || request.uri().scheme().is_some()
}

/// Responds to a request at the door that is for another host.
pub(crate) async fn handle_proxy_request(
    egress: Arc<EgressState>,
    door: Arc<DoorState>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let method = request.method().to_string();
    let wanted = parse_target(request.method(), request.uri());
    let named = wanted
        .as_ref()
        .map_or_else(|_| request.uri().to_string(), ToString::to_string);
    match serve_target(&egress, &door, request, wanted).await {
        Ok(response) => response,
        // Some clients first send a request without a key, to learn the authentication scheme.
        Err(refusal) if refusal.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let mut response = plain_text_response(&refusal);
            let basic = HeaderValue::from_static("Basic realm=\"eklavya\"");
            response.headers_mut().insert(PROXY_AUTHENTICATE, basic);
            response
        }
        Err(refusal) => {
            refusal.record(&egress, &door, &method, &named).await;
            plain_text_response(&refusal)
        }
    }
}

async fn serve_target(
    egress: &Arc<EgressState>,
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    wanted: Result<EgressTarget, String>,
) -> Result<Response<ResponseBody>, EgressRefusal> {
    check_credentials(door, request.headers())?;
    let target = wanted.map_err(|why| EgressRefusal::new(StatusCode::BAD_REQUEST, why))?;
    let permit = acquire_connection(door)?;
    door.touch();
    let addresses = authorize_target(&egress.config, &door.spec.egress_policy, &target).await?;
    let (stream, address) = connect_any(egress, &target, &addresses).await?;
    let (method, address) = (request.method().to_string(), address.to_string());
    let record = EgressRecord::new(
        egress.clone(),
        door.clone(),
        &method,
        &target.to_string(),
        &address,
    );
    if request.method() == Method::CONNECT {
        open_tunnel(egress, door, request, (stream, target), (record, permit));
        return Ok(Response::new(full_body("")));
    }
    let (to, limits) = ((stream, &target), egress.config.limits);
    let sent = forward::forward_request(door, request, to, (record, permit), limits).await;
    // The request was allowed, and its audit row states how it ended; a refusal would add a second
    // row.
    Ok(sent.unwrap_or_else(|(status, why)| plain_text_response(&EgressRefusal::new(status, why))))
}

fn acquire_connection(door: &DoorState) -> Result<OwnedSemaphorePermit, EgressRefusal> {
    let permit = door.connection_slots.clone().try_acquire_owned();
    permit.map_err(|_| {
        let why = "too many connections of this agent";
        EgressRefusal::new(StatusCode::TOO_MANY_REQUESTS, why)
    })
}

/// The password must be the agent's key; the user name is ignored.
fn check_credentials(door: &DoorState, headers: &HeaderMap) -> Result<(), EgressRefusal> {
    let Some(given) = headers.get(PROXY_AUTHORIZATION) else {
        let why = "the proxy requires the key of this door";
        return Err(EgressRefusal::new(
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            why,
        ));
    };
    let key = basic_auth::decode_password(given.as_bytes());
    if key.is_some_and(|key| door.matches_token(&key)) {
        return Ok(());
    }
    let why = "this is not the key of this door";
    Err(EgressRefusal::new(StatusCode::FORBIDDEN, why))
}

/// Connects to the first address that accepts.
async fn connect_any(
    egress: &EgressState,
    target: &EgressTarget,
    addresses: &[SocketAddr],
) -> Result<(TcpStream, SocketAddr), EgressRefusal> {
    let mut last = String::new();
    for address in addresses {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(egress.config.limits.connect, connecting).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => "the connection timed out".clone_into(&mut last),
        }
    }
    Err(EgressRefusal::failed(format!(
        "cannot connect to {target}: {last}"
    )))
}

/// Starts the tunnel once the agent has received the response.
fn open_tunnel(
    egress: &Arc<EgressState>,
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    (stream, target): (TcpStream, EgressTarget),
    (record, permit): (EgressRecord, OwnedSemaphorePermit),
) {
    let (egress, closing) = (egress.clone(), door.closing.clone());
    let tls =
        target.port == TLS_PORT && !matches!(door.spec.egress_policy, EgressPolicy::Previews(_));
    // A client that connects to an address has no name to send.
    let name = match target.host {
        EgressHost::Name(name) if tls => Some(name),
        EgressHost::Name(_) | EgressHost::Address(_) => None,
    };
    door.tracker.spawn(async move {
        let upgraded = tokio::select! {
            upgraded = hyper::upgrade::on(request) => upgraded,
            () = closing.cancelled() => return,
        };
        match upgraded {
            Ok(agent) => {
                let (agent, limits) = (TokioIo::new(agent), &egress.config.limits);
                tunnel::run_tunnel(agent, stream, name.as_deref(), record, limits, &closing).await;
            }
            Err(error) => record.set_end_reason(&error.to_string()),
        }
        drop(permit);
    });
}

fn plain_text_response(refusal: &EgressRefusal) -> Response<ResponseBody> {
    let mut response = Response::new(full_body(format!("eklavya: {}\n", refusal.why)));
    *response.status_mut() = refusal.status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, text);
    response
}
