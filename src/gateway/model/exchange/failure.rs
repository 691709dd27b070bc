//! Attempts that fail: the endpoint's error responses, retries and refusals.

use std::time::Duration;

use hyper::StatusCode;

use super::error_response::UpstreamErrorResponse;
use super::{ExchangeStep, ModelExchange};
use crate::api::model_call::ModelCall;
use crate::api::upstream_call::{BackendError, UpstreamResponse};
use crate::door::error::DoorError;
use crate::door::refusal_audit;
use crate::http::api_response::final_error_response;
use crate::model::limits::rate_limit_pause::pause_duration;
use crate::model::settlement::{LedgerSettlement, settle_reservation};
use eklavya_core::backoff::Backoff;
use eklavya_core::ledger::Reservation;

/// The longest pause between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

impl ModelExchange {
    /// Handles a response that is not a success.
    pub(super) async fn handle_error_response(
        &mut self,
        incoming: UpstreamResponse,
        paid: Option<(&ModelCall, &Reservation)>,
    ) -> ExchangeStep {
        let error = UpstreamErrorResponse::read(&self.model.backend, incoming).await;
        self.settle_error(&error, paid).await;
        match error.status.as_u16() {
            429 | 529 => {
                let pause = pause_duration(&error.headers, self.rate_limits);
                self.model.limits.rate_limit_pause.extend(pause).await;
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

    async fn settle_error(
        &self,
        error: &UpstreamErrorResponse,
        paid: Option<(&ModelCall, &Reservation)>,
    ) {
        if let Some((call, reservation)) = paid {
            let settlement = error.ledger_settlement(&self.model.pricing, &call.model);
            let (costs, id) = (&self.model.costs, error.request_id());
            settle_reservation(costs, reservation.id, settlement, id).await;
        }
    }

    /// Handles an attempt without a response.
    pub(super) async fn handle_backend_error(
        &mut self,
        error: BackendError,
        paid: Option<(&ModelCall, &Reservation)>,
    ) -> ExchangeStep {
        match error {
            BackendError::NotSent(reason) => {
                self.settle(paid, LedgerSettlement::Released).await;
                self.pause_before_retry(reason).await
            }
            BackendError::OutcomeUnknown(reason) => {
                self.settle(paid, LedgerSettlement::UpperBound).await;
                self.pause_before_retry(reason).await
            }
            BackendError::Unscripted(reason) => {
                self.settle(paid, LedgerSettlement::Released).await;
                let problem = DoorError::Unscripted(reason);
                self.refuse(StatusCode::BAD_REQUEST, problem).await
            }
        }
    }

    /// Pauses before the next attempt, or gives up.
    pub(super) async fn pause_before_retry(&mut self, reason: String) -> ExchangeStep {
        self.failures += 1;
        if self.failures >= self.model.timeouts.max_attempts {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return self.refuse(status, DoorError::Unreachable(reason)).await;
        }
        tracing::info!(agent = %self.door.spec.agent, %reason, "retrying a request");
        let first = self.model.timeouts.first_backoff;
        let backoff = Backoff::new(first, MAX_BACKOFF).with_jitter();
        let pause = backoff.pause_after(self.failures - 1);
        tokio::select! {
            () = self.response_sender.closed() => ExchangeStep::AgentGone,
            () = tokio::time::sleep(pause) => ExchangeStep::Retry,
        }
    }

    /// Responds with an error that the agent does not retry, and records it.
    pub(super) async fn refuse(&self, status: StatusCode, problem: DoorError) -> ExchangeStep {
        let why = problem.to_string();
        if problem.is_gateway_refusal() {
            let request = format!("POST {}", self.request.route.path());
            let details = refusal_audit::request_details(&request, status, &why);
            refusal_audit::record_refusal(
                self.model.costs.data(),
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
