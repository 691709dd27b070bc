//! One request of an agent, from its reservation to its response.

mod error_response;
mod failure;
mod relay;
mod reservation;

use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::relay::ResponseRelay;
use crate::api::agent_request::AgentRequest;
use crate::api::complete_response::CompleteResponse;
use crate::api::model_call::ModelCall;
use crate::api::upstream_call::{BackendError, UpstreamRequest, UpstreamResponse};
use crate::door::state::DoorState;
use crate::http::api_response::ResponseBody;
use crate::model::settlement::{LedgerSettlement, settle_reservation};
use crate::model::state::ModelState;
use eklavya_core::ledger::Reservation;

/// The next step of an exchange.
pub(crate) enum ExchangeStep {
    /// Repeat, starting with the reservation.
    Retry,
    /// Relay the endpoint's response.
    Relay(UpstreamResponse),
    /// Respond with the gateway's own response.
    Respond(Response<ResponseBody>),
    /// The agent has disconnected.
    AgentGone,
}

pub(crate) struct ModelExchange {
    model: Arc<ModelState>,
    door: Arc<DoorState>,
    request: AgentRequest,
    response_sender: oneshot::Sender<Response<ResponseBody>>,
    waiting_since: Option<Instant>,
    failures: u32,
    rate_limits: u32,
    /// Whether the next attempt has been counted against the request rate.
    is_rate_counted: bool,
}

impl ModelExchange {
    pub fn new(
        model: Arc<ModelState>,
        door: Arc<DoorState>,
        request: AgentRequest,
        response_sender: oneshot::Sender<Response<ResponseBody>>,
    ) -> Self {
        Self {
            model,
            door,
            request,
            response_sender,
            waiting_since: None,
            failures: 0,
            rate_limits: 0,
            is_rate_counted: false,
        }
    }

    /// Runs the exchange to its end. Do not cancel it: requests that were sent are settled here.
    pub async fn run(mut self) {
        let door = self.door.clone();
        let _in_flight = door.begin_request();
        match self.request.model_call.take() {
            Some(call) => self.run_paid(call).await,
            None => self.run_free().await,
        }
    }

    async fn run_paid(mut self, call: ModelCall) {
        let (payer, quote) = (self.payer(), self.quote(&call));
        loop {
            let held = match self.reserve(&payer, &quote).await {
                Ok(reservation) => reservation,
                Err(step) => return self.finish(step),
            };
            let body = call.with_max_tokens(held.max_tokens);
            match self.send(body, Some((&call, &held))).await {
                ExchangeStep::Retry => {}
                ExchangeStep::Relay(incoming) => {
                    let relay = ResponseRelay::new(
                        self.model,
                        self.door,
                        &call,
                        held,
                        self.request.is_subagent,
                    );
                    // The request is no longer needed, and it may be large.
                    drop((call, self.request));
                    return relay.run(incoming, self.response_sender).await;
                }
                step => return self.finish(step),
            }
        }
    }

    /// Runs a request that costs nothing.
    async fn run_free(mut self) {
        if let Some(response) = self.cached_count().await {
            return self.finish(ExchangeStep::Respond(response));
        }
        loop {
            if let Err(step) = self.wait_out_rate_limit().await {
                return self.finish(step);
            }
            let body = self.request.body.clone();
            match self.send(body, None).await {
                ExchangeStep::Retry => {}
                ExchangeStep::Relay(incoming) => {
                    let response = self.pass_response(incoming).await;
                    return self.finish(ExchangeStep::Respond(response));
                }
                step => return self.finish(step),
            }
        }
    }

    async fn cached_count(&self) -> Option<Response<ResponseBody>> {
        let cache = self.model.token_counts.as_ref()?;
        cache.lookup(&self.request).await
    }

    async fn pass_response(&self, incoming: UpstreamResponse) -> Response<ResponseBody> {
        let idle = self.model.timeouts.idle;
        let body = match CompleteResponse::read(incoming, idle).await {
            Ok(whole) => whole,
            Err(response) => return response,
        };
        if let Some(cache) = &self.model.token_counts {
            cache.store(&self.request, &body).await;
        }
        body.into_response()
    }

    fn finish(self, step: ExchangeStep) {
        if let ExchangeStep::Respond(response) = step {
            // An agent that has disconnected needs no response.
            let _ = self.response_sender.send(response);
        }
    }

    /// Sends the request once. Unless the response is relayed, the reservation has ended on return.
    async fn send(
        &mut self,
        body: Bytes,
        paid: Option<(&ModelCall, &Reservation)>,
    ) -> ExchangeStep {
        let outgoing = UpstreamRequest {
            route: self.request.route,
            beta: self.request.beta,
            headers: self.request.headers.clone(),
            body,
            spec: self.door.spec.clone(),
        };
        self.is_rate_counted = false;
        let Some(sent) = self.await_response(outgoing).await else {
            self.settle(paid, LedgerSettlement::UpperBound).await;
            return ExchangeStep::AgentGone;
        };
        self.door.touch();
        match sent {
            Ok(incoming) if incoming.status.is_success() => ExchangeStep::Relay(incoming),
            Ok(incoming) => self.handle_error_response(incoming, paid).await,
            Err(error) => self.handle_backend_error(error, paid).await,
        }
    }

    /// Returns the head of the response, or `None` if the agent disconnects before it arrives.
    async fn await_response(
        &mut self,
        outgoing: UpstreamRequest,
    ) -> Option<Result<UpstreamResponse, BackendError>> {
        let first_byte = self.model.timeouts.first_byte;
        let sending = tokio::time::timeout(first_byte, self.model.backend.send(outgoing));
        let sent = tokio::select! {
            biased;
            () = self.response_sender.closed() => return None,
            sent = sending => sent,
        };
        let silent = || {
            BackendError::OutcomeUnknown(format!("no response within {} s", first_byte.as_secs()))
        };
        Some(sent.unwrap_or_else(|_| Err(silent())))
    }

    async fn settle(&self, paid: Option<(&ModelCall, &Reservation)>, settlement: LedgerSettlement) {
        if let Some((_, reservation)) = paid {
            settle_reservation(&self.model.costs, reservation.id, settlement, None).await;
        }
    }
}
