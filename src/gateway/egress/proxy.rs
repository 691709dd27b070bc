//! The proxy at a door: reads what is asked for, decides, connects.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::decide::{Denied, decide};
use super::record::{ACTION, Decision, Record};
use super::{Reach, forward, tunnel};
use crate::api_error::{AnswerBody, full};
use crate::door::DoorState;
use crate::gateway::Inner;
use crate::refused;
use eklavya_core::domain::egress::{Host, Target};
use eklavya_sandbox::proxy::wanted;

/// The port on which a tunnel must carry TLS for the host that it was opened to.
const TLS_PORT: u16 = 443;

/// Whether a request is for the proxy and not for the gateway itself.
pub(crate) fn is_proxied(request: &Request<Incoming>) -> bool {
    request.method() == Method::CONNECT || request.uri().scheme().is_some()
}

/// What is answered in place of the target.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) decision: Decision,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self {
            status,
            decision: Decision::Denied,
            why: why.into(),
        }
    }

    /// The target is no good, and nobody forbade it.
    fn failed(why: impl Into<String>) -> Self {
        Self {
            decision: Decision::Failed,
            ..Self::new(StatusCode::BAD_GATEWAY, why)
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self {
            status: denied.status(),
            decision: denied.decision(),
            why: denied.to_string(),
        }
    }
}

/// Answers a request for the proxy.
pub(crate) async fn answer(
    inner: Arc<Inner>,
    door: Arc<DoorState>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let method = request.method().to_string();
    let wanted = wanted(request.method(), request.uri());
    let named = wanted
        .as_ref()
        .map_or_else(|_| request.uri().to_string(), ToString::to_string);
    match admit(&inner, &door, request, wanted).await {
        Ok(answer) => answer,
        // Some clients ask first without a key, to hear which kind of key is wanted.
        Err(refusal) if refusal.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let mut answer = plain(&refusal);
            let basic = HeaderValue::from_static("Basic realm=\"eklavya\"");
            answer.headers_mut().insert(PROXY_AUTHENTICATE, basic);
            answer
        }
        Err(refusal) => {
            refuse(&inner, &door, &method, &named, &refusal).await;
            plain(&refusal)
        }
    }
}

/// Notes that something is not to be had.
pub(super) async fn refuse(
    inner: &Inner,
    door: &DoorState,
    method: &str,
    named: &str,
    refusal: &Refusal,
) {
    let details = json!({
        "class": door.spec.reach.class(), "method": method, "target": named,
        "decision": refusal.decision.as_str(), "status": refusal.status.as_u16(),
        "why": refusal.why,
    });
    refused::note(inner, door, ACTION, details).await;
}

async fn admit(
    inner: &Arc<Inner>,
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    wanted: Result<Target, String>,
) -> Result<Response<AnswerBody>, Refusal> {
    authorised(door, request.headers())?;
    let target = wanted.map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
    let place = door.tunnels.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many connections of this agent",
        )
    })?;
    door.touch();
    let addresses = decide(&inner.egress, &door.spec.reach, &target).await?;
    let (stream, address) = connect(inner, &target, &addresses).await?;
    let (method, address) = (request.method().to_string(), address.to_string());
    let record = Record::new(
        inner.clone(),
        door.clone(),
        &method,
        &target.to_string(),
        &address,
    );
    if request.method() == Method::CONNECT {
        open_tunnel(inner, door, request, (stream, target), (record, place));
        return Ok(Response::new(full("")));
    }
    let (to, limits) = ((stream, &target), inner.egress.limits);
    let sent = forward::send(door, request, to, (record, place), limits).await;
    // It was allowed, and its row says how it ended: a refusal would be a second one.
    Ok(sent.unwrap_or_else(|(status, why)| plain(&Refusal::new(status, why))))
}

/// The agent's key, as the password of whatever user.
fn authorised(door: &DoorState, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(PROXY_AUTHORIZATION) else {
        let why = "the proxy wants the key of this door";
        return Err(Refusal::new(StatusCode::PROXY_AUTHENTICATION_REQUIRED, why));
    };
    let key = super::basic::password(given.as_bytes());
    if key.is_some_and(|key| door.is_token(&key)) {
        return Ok(());
    }
    let why = "this is not the key of this door";
    Err(Refusal::new(StatusCode::FORBIDDEN, why))
}

/// Connects to the first address that answers.
async fn connect(
    inner: &Inner,
    target: &Target,
    addresses: &[SocketAddr],
) -> Result<(TcpStream, SocketAddr), Refusal> {
    let mut last = String::new();
    for address in addresses {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(inner.egress.limits.connect, connecting).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => "it does not answer".clone_into(&mut last),
        }
    }
    Err(Refusal::failed(format!(
        "cannot connect to {target}: {last}"
    )))
}

/// Lets the tunnel begin once the agent has the answer.
fn open_tunnel(
    inner: &Arc<Inner>,
    door: &Arc<DoorState>,
    request: Request<Incoming>,
    (stream, target): (TcpStream, Target),
    (record, place): (Record, OwnedSemaphorePermit),
) {
    let (inner, closing) = (inner.clone(), door.closing.clone());
    let tls = target.port == TLS_PORT && !matches!(door.spec.reach, Reach::Previews(_));
    // Who asks for an address has no name to ask for.
    let name = match target.host {
        Host::Name(name) if tls => Some(name),
        Host::Name(_) | Host::Address(_) => None,
    };
    door.tracker.spawn(async move {
        let upgraded = tokio::select! {
            upgraded = hyper::upgrade::on(request) => upgraded,
            () = closing.cancelled() => return,
        };
        match upgraded {
            Ok(agent) => {
                let (agent, limits) = (TokioIo::new(agent), &inner.egress.limits);
                tunnel::run(agent, stream, name.as_deref(), record, limits, &closing).await;
            }
            Err(error) => record.ended(&error.to_string()),
        }
        drop(place);
    });
}

fn plain(refusal: &Refusal) -> Response<AnswerBody> {
    let mut answer = Response::new(full(format!("eklavya: {}\n", refusal.why)));
    *answer.status_mut() = refusal.status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, text);
    answer
}
