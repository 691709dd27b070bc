//! The HTTP server behind a door.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::api::agent_request::{AgentRequest, READ_TIMEOUT};
use crate::api::upstream_call::ApiRoute;
use crate::door::refusal_audit;
use crate::door::state::DoorState;
use crate::egress::proxy::{handle_proxy_request, is_proxy_request};
use crate::egress::state::EgressState;
use crate::http::api_response::{ResponseBody, final_error_response, full_body};
use crate::model::exchange::ModelExchange;
use crate::model::state::ModelState;
use crate::model::upstream::credential::API_KEY_HEADER;

/// Connections of one agent at a time; further ones wait.
const MAX_CONNECTIONS: usize = 256;

/// Serves one door: its requests go to the model or to other hosts.
#[derive(Debug, Clone)]
pub(crate) struct DoorServer {
    pub model: Arc<ModelState>,
    pub egress: Arc<EgressState>,
    pub door: Arc<DoorState>,
}

impl DoorServer {
    /// Accepts connections until the door closes.
    pub async fn serve(self, listener: UnixListener) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = tokio::select! {
                () = self.door.closing.cancelled() => return,
                permit = permits.clone().acquire_owned() => permit,
            };
            let accepted = tokio::select! {
                () = self.door.closing.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let server = self.clone();
                    self.door.tracker.spawn(async move {
                        server.serve_connection(stream).await;
                        drop(permit);
                    });
                }
                // A temporary error, such as no free file descriptors: the next accept may succeed.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection of an agent");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve_connection(self, stream: UnixStream) {
        let closing = self.door.closing.clone();
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.handle_request(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::select! {
            () = closing.cancelled() => {}
            // A connection error concerns only the agent; requests are settled elsewhere.
            _ = connection => {}
        }
    }

    async fn handle_request(self, request: Request<Incoming>) -> Response<ResponseBody> {
        if is_proxy_request(&request) {
            return handle_proxy_request(self.egress, self.door, request).await;
        }
        let named = format!("{} {}", request.method(), request.uri().path());
        let refused = async |status, why: &str| self.refuse(&named, status, why).await;
        let route = match (request.method(), request.uri().path()) {
            (&Method::HEAD | &Method::GET, "/api/hello") => return Response::new(full_body("")),
            (&Method::POST, "/v1/messages") => ApiRoute::Messages,
            (&Method::POST, "/v1/messages/count_tokens") => ApiRoute::CountTokens,
            _ => return refused(StatusCode::NOT_FOUND, "the gateway has no such route").await,
        };
        if !is_authorized(&self.door, request.headers()) {
            return refused(StatusCode::UNAUTHORIZED, "this is not the key of this door").await;
        }
        self.door.touch();
        // Further requests of the agent wait, since each takes memory.
        let Ok(permit) = self.door.request_slots.clone().acquire_owned().await else {
            return final_error_response(StatusCode::SERVICE_UNAVAILABLE, "the door is closed");
        };
        match AgentRequest::read(route, request, &self.model.large_body_slots).await {
            Ok(agent_request) => self.run_exchange(agent_request, permit).await,
            Err((status, why)) => refused(status, &why).await,
        }
    }

    /// Records a refusal, and returns it as a response that the agent does not retry.
    async fn refuse(&self, named: &str, status: StatusCode, why: &str) -> Response<ResponseBody> {
        let details = refusal_audit::request_details(named, status, why);
        let data = self.model.costs.data();
        refusal_audit::record_refusal(data, &self.door, refusal_audit::AUDIT_ACTION, details).await;
        final_error_response(status, why)
    }

    /// Runs the exchange in its own task: it must finish and be settled even if the agent
    /// disconnects, which drops this future at once.
    async fn run_exchange(
        &self,
        agent_request: AgentRequest,
        permit: OwnedSemaphorePermit,
    ) -> Response<ResponseBody> {
        let (response_sender, response) = oneshot::channel();
        let (model, door) = (self.model.clone(), self.door.clone());
        let exchange = ModelExchange::new(model, door, agent_request, response_sender);
        self.door.tracker.spawn(async move {
            exchange.run().await;
            drop(permit);
        });
        response.await.unwrap_or_else(|_| {
            final_error_response(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the gateway could not finish this request",
            )
        })
    }
}

fn is_authorized(door: &DoorState, headers: &HeaderMap) -> bool {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let key = headers.get(API_KEY_HEADER).map(HeaderValue::as_bytes);
    bearer.is_some_and(|token| door.matches_token(token))
        || key.is_some_and(|token| door.matches_token(token))
}
