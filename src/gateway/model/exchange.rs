//! One request of an agent, from its reservation to its response.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use reqwest::header::HeaderMap;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::backend::{ApiRoute, BackendError, UpstreamRequest, UpstreamResponse};
use super::relay::ResponseRelay;
use super::settlement::{LedgerSettlement, settle_reservation};
use crate::api_response::{ResponseBody, final_error_response};
use crate::door::{DoorError, DoorState, RequestPause};
use crate::gateway::GatewayState;
use crate::model::limits::rate_limit_pause::{RateLimitPause, pause_duration};
use crate::model::model_call::ModelCall;
use crate::model::upstream::upstream_error::{self, UpstreamErrorResponse};
use crate::refusal_audit;
use eklavya_core::backoff::Backoff;
use eklavya_core::ledger::{PriceQuote, RequestPayer, Reservation};
use eklavya_services::costs::ReservationOutcome;

/// The longest pause between two attempts.
const MAX_BACKOFF: std::time::Duration = std::time::Duration::from_secs(30);
/// How often a request that waits for budget checks again, since other processes do not notify it.
const POLL_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);

/// A validated request of an agent.
#[derive(Debug)]
pub(crate) struct AgentRequest {
    pub route: ApiRoute,
    pub beta: bool,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The parsed message request, with its cost bounds; `None` for a free request.
    pub model_call: Option<ModelCall>,
    /// Whether a subagent sent it.
    pub is_subagent: bool,
}

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
    gateway: Arc<GatewayState>,
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
        gateway: Arc<GatewayState>,
        door: Arc<DoorState>,
        request: AgentRequest,
        response_sender: oneshot::Sender<Response<ResponseBody>>,
    ) -> Self {
        Self {
            gateway,
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
                        self.gateway,
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
        let cache = self.gateway.token_counts.as_ref()?;
        cache.lookup(&self.request).await
    }

    async fn pass_response(&self, incoming: UpstreamResponse) -> Response<ResponseBody> {
        let body = match upstream_error::read_complete(&self.gateway, incoming).await {
            Ok(whole) => whole,
            Err(response) => return response,
        };
        if let Some(cache) = &self.gateway.token_counts {
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

    fn payer(&self) -> RequestPayer {
        let spec = &self.door.spec;
        RequestPayer {
            project: spec.project,
            slug: spec.slug.clone(),
            task: spec.task,
            task_key: spec.task_key.clone(),
            agent: spec.agent,
            role: spec.role,
            worker: self.gateway.worker.clone(),
            fence: self.gateway.costs.fence(),
            rehearsal: self.gateway.backend.is_rehearsal(),
        }
    }

    fn quote(&self, call: &ModelCall) -> PriceQuote {
        let mut shape = call.shape;
        shape.max_tokens = shape
            .max_tokens
            .min(self.gateway.max_output_tokens.unwrap_or(u64::MAX));
        self.gateway.pricing.quote(&call.model, &shape)
    }

    /// Takes a reservation, after rate limits have passed and the request's turn has come.
    async fn reserve(
        &mut self,
        payer: &RequestPayer,
        quote: &PriceQuote,
    ) -> Result<Reservation, ExchangeStep> {
        loop {
            self.wait_for_request_rate().await?;
            self.wait_out_rate_limit().await?;
            let shortage = match self.gateway.costs.reserve(payer, quote).await {
                Ok(ReservationOutcome::Granted(reservation)) => return Ok(reservation),
                Ok(ReservationOutcome::Refused(shortage)) => {
                    return Err(self
                        .refuse(
                            StatusCode::PAYMENT_REQUIRED,
                            DoorError::OverBudget(Box::new(shortage)),
                        )
                        .await);
                }
                Ok(ReservationOutcome::Held(shortage)) => shortage,
                // Nothing was sent. The code that runs the agent handles the database outage.
                Err(error) if error.is_unavailable() => {
                    tokio::select! {
                        () = self.response_sender.closed() => return Err(ExchangeStep::AgentGone),
                        () = self.door.closing.cancelled() => return Err(ExchangeStep::AgentGone),
                        () = tokio::time::sleep(POLL_INTERVAL) => continue,
                    }
                }
                Err(error) => {
                    let problem = DoorError::Ledger(error.to_string());
                    return Err(self
                        .refuse(StatusCode::INTERNAL_SERVER_ERROR, problem)
                        .await);
                }
            };
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            if since.elapsed() > self.gateway.timeouts.max_pause {
                let problem = DoorError::OverBudget(Box::new(shortage));
                return Err(self.refuse(StatusCode::PAYMENT_REQUIRED, problem).await);
            }
            let _shown = self.door.begin_pause(RequestPause::Budget);
            tokio::select! {
                () = self.response_sender.closed() => return Err(ExchangeStep::AgentGone),
                () = self.gateway.costs.wait_for_release() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    async fn wait_out_rate_limit(&mut self) -> Result<(), ExchangeStep> {
        while let Some(until) = self.gateway.rate_limit_pause.active_until().await {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            let max_pause = self.gateway.timeouts.max_pause;
            if until > since + max_pause {
                let problem = DoorError::RateLimitedTooLong(max_pause);
                return Err(self.refuse(StatusCode::TOO_MANY_REQUESTS, problem).await);
            }
            let shown = self.door.time_after(until.duration_since(Instant::now()));
            let _shown = self
                .door
                .begin_pause(RequestPause::RateLimit { until: shown });
            tokio::select! {
                () = self.response_sender.closed() => return Err(ExchangeStep::AgentGone),
                () = RateLimitPause::wait_until(until) => {}
            }
        }
        Ok(())
    }

    /// Waits for the request rate. A request is counted once, however often it then waits for other
    /// reasons before it is sent.
    async fn wait_for_request_rate(&mut self) -> Result<(), ExchangeStep> {
        let gateway = self.gateway.clone();
        let Some(request_rate) = gateway
            .request_rate
            .as_ref()
            .filter(|_| !self.is_rate_counted)
        else {
            return Ok(());
        };
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let max_pause = gateway.timeouts.max_pause;
        let until = self.door.time_after(request_rate.interval());
        let _shown = self.door.begin_pause(RequestPause::RateLimit { until });
        self.is_rate_counted = tokio::select! {
            () = self.response_sender.closed() => return Err(ExchangeStep::AgentGone),
            came = request_rate.acquire(since + max_pause) => came,
        };
        if self.is_rate_counted {
            return Ok(());
        }
        let problem = DoorError::RateLimitedTooLong(max_pause);
        Err(self.refuse(StatusCode::TOO_MANY_REQUESTS, problem).await)
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
        let first_byte = self.gateway.timeouts.first_byte;
        let sending = tokio::time::timeout(first_byte, self.gateway.backend.send(outgoing));
        let sent = tokio::select! {
            biased;
            () = self.response_sender.closed() => {
                self.settle(paid, LedgerSettlement::UpperBound).await;
                return ExchangeStep::AgentGone;
            }
            sent = sending => sent,
        };
        self.door.touch();
        let silent = || {
            BackendError::OutcomeUnknown(format!("no response within {} s", first_byte.as_secs()))
        };
        match sent.unwrap_or_else(|_| Err(silent())) {
            Ok(incoming) if incoming.status.is_success() => ExchangeStep::Relay(incoming),
            Ok(incoming) => self.handle_error_response(incoming, paid).await,
            Err(BackendError::NotSent(reason)) => {
                self.settle(paid, LedgerSettlement::Released).await;
                self.pause_before_retry(reason).await
            }
            Err(BackendError::OutcomeUnknown(reason)) => {
                self.settle(paid, LedgerSettlement::UpperBound).await;
                self.pause_before_retry(reason).await
            }
            Err(BackendError::Unscripted(reason)) => {
                self.settle(paid, LedgerSettlement::Released).await;
                self.refuse(StatusCode::BAD_REQUEST, DoorError::Unscripted(reason))
                    .await
            }
        }
    }

    async fn settle(&self, paid: Option<(&ModelCall, &Reservation)>, settlement: LedgerSettlement) {
        if let Some((_, reservation)) = paid {
            settle_reservation(&self.gateway.costs, reservation.id, settlement, None).await;
        }
    }

    /// Handles a response that is not a success.
    async fn handle_error_response(
        &mut self,
        incoming: UpstreamResponse,
        paid: Option<(&ModelCall, &Reservation)>,
    ) -> ExchangeStep {
        let error = UpstreamErrorResponse::read(&self.gateway, incoming).await;
        if let Some((call, reservation)) = paid {
            let settlement = error.ledger_settlement(&self.gateway.pricing, &call.model);
            settle_reservation(
                &self.gateway.costs,
                reservation.id,
                settlement,
                error.request_id(),
            )
            .await;
        }
        match error.status.as_u16() {
            429 | 529 => {
                let pause = pause_duration(&error.headers, self.rate_limits);
                self.gateway.rate_limit_pause.extend(pause).await;
                self.rate_limits += 1;
                ExchangeStep::Retry
            }
            300..=399 => {
                let reason = format!("it responded with a redirect (status {})", error.status);
                self.refuse(StatusCode::BAD_GATEWAY, DoorError::Unreachable(reason))
                    .await
            }
            408 | 409 | 500..=599 => {
                let reason = format!("status {}: {}", error.status.as_u16(), error.message());
                self.pause_before_retry(reason).await
            }
            _ => {
                self.door
                    .record_error(error.to_door_error(paid.map_or("", |(call, _)| &call.model)));
                ExchangeStep::Respond(error.into_response())
            }
        }
    }

    /// Pauses before the next attempt, or gives up.
    async fn pause_before_retry(&mut self, reason: String) -> ExchangeStep {
        self.failures += 1;
        if self.failures >= self.gateway.timeouts.max_attempts {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return self.refuse(status, DoorError::Unreachable(reason)).await;
        }
        tracing::info!(agent = %self.door.spec.agent, %reason, "retrying a request");
        let first = self.gateway.timeouts.first_backoff;
        let backoff = Backoff::new(first, MAX_BACKOFF).with_jitter();
        let pause = backoff.pause_after(self.failures - 1);
        tokio::select! {
            () = self.response_sender.closed() => ExchangeStep::AgentGone,
            () = tokio::time::sleep(pause) => ExchangeStep::Retry,
        }
    }

    /// Responds with an error that the agent does not retry, and records it.
    async fn refuse(&self, status: StatusCode, problem: DoorError) -> ExchangeStep {
        let why = problem.to_string();
        if problem.is_gateway_refusal() {
            let request = format!("POST {}", self.request.route.path());
            let details = refusal_audit::request_details(&request, status, &why);
            refusal_audit::record_refusal(
                &self.gateway,
                &self.door,
                refusal_audit::AUDIT_ACTION,
                details,
            )
            .await;
        }
        self.door.record_error(problem);
        ExchangeStep::Respond(final_error_response(status, &why))
    }
}
