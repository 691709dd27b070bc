//! What a request waits for before it is sent: the request rate, rate limits and its reservation.

use std::time::Duration;

use hyper::StatusCode;
use tokio::time::Instant;

use super::{ExchangeStep, ModelExchange};
use crate::api::model_call::ModelCall;
use crate::door::error::DoorError;
use crate::door::state::RequestPause;
use crate::model::limits::rate_limit_pause::RateLimitPause;
use eklavya_core::ledger::{BudgetShortage, PriceQuote, RequestPayer, Reservation};
use eklavya_services::costs::ReservationOutcome;

/// How often a request that waits for budget checks again, since other processes do not notify it.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

impl ModelExchange {
    pub(super) fn payer(&self) -> RequestPayer {
        let spec = &self.door.spec;
        RequestPayer {
            project: spec.project,
            slug: spec.slug.clone(),
            task: spec.task,
            task_key: spec.task_key.clone(),
            agent: spec.agent,
            role: spec.role,
            worker: self.model.worker.clone(),
            fence: self.model.costs.fence(),
            rehearsal: self.model.backend.is_rehearsal(),
        }
    }

    pub(super) fn quote(&self, call: &ModelCall) -> PriceQuote {
        let mut shape = call.shape;
        shape.max_tokens = shape
            .max_tokens
            .min(self.model.max_output_tokens.unwrap_or(u64::MAX));
        self.model.pricing.quote(&call.model, &shape)
    }

    /// Takes a reservation, after rate limits have passed and the request's turn has come.
    pub(super) async fn reserve(
        &mut self,
        payer: &RequestPayer,
        quote: &PriceQuote,
    ) -> Result<Reservation, ExchangeStep> {
        loop {
            self.wait_for_request_rate().await?;
            self.wait_out_rate_limit().await?;
            match self.model.costs.reserve(payer, quote).await {
                Ok(ReservationOutcome::Granted(reservation)) => return Ok(reservation),
                Ok(ReservationOutcome::Refused(shortage)) => {
                    return Err(self.refuse_over_budget(shortage).await);
                }
                Ok(ReservationOutcome::Held(shortage)) => self.wait_for_budget(shortage).await?,
                // Nothing was sent. The code that runs the agent handles the database outage.
                Err(error) if error.is_unavailable() => self.wait_for_database().await?,
                Err(error) => {
                    let problem = DoorError::Ledger(error.to_string());
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    return Err(self.refuse(status, problem).await);
                }
            }
        }
    }

    async fn refuse_over_budget(&self, shortage: BudgetShortage) -> ExchangeStep {
        let problem = DoorError::OverBudget(Box::new(shortage));
        self.refuse(StatusCode::PAYMENT_REQUIRED, problem).await
    }

    async fn wait_for_database(&mut self) -> Result<(), ExchangeStep> {
        tokio::select! {
            () = self.response_sender.closed() => Err(ExchangeStep::AgentGone),
            () = self.door.closing.cancelled() => Err(ExchangeStep::AgentGone),
            () = tokio::time::sleep(POLL_INTERVAL) => Ok(()),
        }
    }

    /// Waits until requests in flight may have released some of the budget.
    async fn wait_for_budget(&mut self, shortage: BudgetShortage) -> Result<(), ExchangeStep> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        if since.elapsed() > self.model.timeouts.max_pause {
            return Err(self.refuse_over_budget(shortage).await);
        }
        let _shown = self.door.begin_pause(RequestPause::Budget);
        tokio::select! {
            () = self.response_sender.closed() => Err(ExchangeStep::AgentGone),
            () = self.model.costs.wait_for_release() => Ok(()),
            () = tokio::time::sleep(POLL_INTERVAL) => Ok(()),
        }
    }

    pub(super) async fn wait_out_rate_limit(&mut self) -> Result<(), ExchangeStep> {
        while let Some(until) = self.model.limits.rate_limit_pause.active_until().await {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            let max_pause = self.model.timeouts.max_pause;
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
        let model = self.model.clone();
        let Some(request_rate) = model
            .limits
            .request_rate
            .as_ref()
            .filter(|_| !self.is_rate_counted)
        else {
            return Ok(());
        };
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let max_pause = model.timeouts.max_pause;
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
}
