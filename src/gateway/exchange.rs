//! One request of an agent, from its reservation to its answer.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use reqwest::header::HeaderMap;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::api_error::{AnswerBody, final_error};
use super::backend::{Incoming, Outgoing, Route, SendError};
use super::door::{DoorProblem, DoorState, Pause};
use super::gateway::Inner;
use super::park::{Park, backoff, pause_after};
use super::refusal::{self, Refusal};
use super::refused;
use super::relay::Relay;
use super::request::ModelCall;
use super::settlement::{Booking, book};
use eklavya_core::domain::ledger::{Payer, Quote, Reservation};
use eklavya_services::costs::Decision;

/// The longest pause between two tries.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(30);
/// How often a request that waits for money looks again, since another process does not tell.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

/// A request as it came through the door, checked.
#[derive(Debug)]
pub(super) struct Asked {
    pub route: Route,
    pub beta: bool,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What a request for a message can cost; nothing for one that is free.
    pub call: Option<ModelCall>,
    /// Whether it is a subagent's.
    pub subagent: bool,
}

/// Where an exchange goes next.
pub(super) enum Step {
    /// Once more, from the reservation on.
    Again,
    /// The endpoint answers.
    Relay(Incoming),
    /// The gateway answers.
    Answer(Response<AnswerBody>),
    /// Nobody waits for an answer any more.
    Gone,
}

pub(super) struct Exchange {
    inner: Arc<Inner>,
    door: Arc<DoorState>,
    asked: Asked,
    answer: oneshot::Sender<Response<AnswerBody>>,
    waiting_since: Option<Instant>,
    failures: u32,
    rate_limits: u32,
    /// Whether the next request has been counted against the limit of requests.
    has_turn: bool,
}

impl Exchange {
    pub fn new(
        inner: Arc<Inner>,
        door: Arc<DoorState>,
        asked: Asked,
        answer: oneshot::Sender<Response<AnswerBody>>,
    ) -> Self {
        Self {
            inner,
            door,
            asked,
            answer,
            waiting_since: None,
            failures: 0,
            rate_limits: 0,
            has_turn: false,
        }
    }

    /// Brings the request to its end. This must not be cancelled: what was sent is settled here.
    pub async fn run(mut self) {
        let door = self.door.clone();
        let _in_flight = door.enter();
        match self.asked.call.take() {
            Some(call) => self.message(call).await,
            None => self.free().await,
        }
    }

    async fn message(mut self, call: ModelCall) {
        let (payer, quote) = (self.payer(), self.quote(&call));
        loop {
            let held = match self.hold(&payer, &quote).await {
                Ok(reservation) => reservation,
                Err(step) => return self.end(step),
            };
            let body = call.with_max_tokens(held.max_tokens);
            match self.send(body, Some((&call, &held))).await {
                Step::Again => {}
                Step::Relay(incoming) => {
                    let relay = Relay::new(self.inner, self.door, &call, held, self.asked.subagent);
                    // The request is not needed any more, and it may be large.
                    drop((call, self.asked));
                    return relay.run(incoming, self.answer).await;
                }
                step => return self.end(step),
            }
        }
    }

    /// A request that costs nothing.
    async fn free(mut self) {
        if let Some(answer) = self.counted_before().await {
            return self.end(Step::Answer(answer));
        }
        loop {
            if let Err(step) = self.wait_out_rate_limit().await {
                return self.end(step);
            }
            let body = self.asked.body.clone();
            match self.send(body, None).await {
                Step::Again => {}
                Step::Relay(incoming) => {
                    let answer = self.pass(incoming).await;
                    return self.end(Step::Answer(answer));
                }
                step => return self.end(step),
            }
        }
    }

    async fn counted_before(&self) -> Option<Response<AnswerBody>> {
        let counted = self.inner.counted.as_ref()?;
        counted.find(&self.asked).await
    }

    async fn pass(&self, incoming: Incoming) -> Response<AnswerBody> {
        let body = match refusal::whole(&self.inner, incoming).await {
            Ok(whole) => whole,
            Err(answer) => return answer,
        };
        if let Some(counted) = &self.inner.counted {
            counted.keep(&self.asked, &body).await;
        }
        body.into_answer()
    }

    fn end(self, step: Step) {
        if let Step::Answer(answer) = step {
            // An agent that is gone needs no answer.
            let _ = self.answer.send(answer);
        }
    }

    fn payer(&self) -> Payer {
        let spec = &self.door.spec;
        Payer {
            project: spec.project,
            slug: spec.slug.clone(),
            task: spec.task,
            task_key: spec.task_key.clone(),
            agent: spec.agent,
            role: spec.role,
            worker: self.inner.worker.clone(),
            fence: self.inner.costs.fence(),
            rehearsal: self.inner.backend.is_rehearsal(),
        }
    }

    fn quote(&self, call: &ModelCall) -> Quote {
        let mut shape = call.shape;
        shape.max_tokens = shape
            .max_tokens
            .min(self.inner.max_output_tokens.unwrap_or(u64::MAX));
        self.inner.pricing.quote(&call.model, &shape)
    }

    /// Takes a reservation, after any rate limit has passed and it is the request's turn.
    async fn hold(&mut self, payer: &Payer, quote: &Quote) -> Result<Reservation, Step> {
        loop {
            self.wait_for_turn().await?;
            self.wait_out_rate_limit().await?;
            let shortage = match self.inner.costs.reserve(payer, quote).await {
                Ok(Decision::Granted(reservation)) => return Ok(reservation),
                Ok(Decision::Refused(shortage)) => {
                    return Err(self
                        .fail(
                            StatusCode::PAYMENT_REQUIRED,
                            DoorProblem::OverBudget(Box::new(shortage)),
                        )
                        .await);
                }
                Ok(Decision::Held(shortage)) => shortage,
                // Nothing was sent. Whoever runs the agent knows what to do about it.
                Err(error) if error.is_away() => {
                    tokio::select! {
                        () = self.answer.closed() => return Err(Step::Gone),
                        () = self.door.closing.cancelled() => return Err(Step::Gone),
                        () = tokio::time::sleep(LOOK_AGAIN) => continue,
                    }
                }
                Err(error) => {
                    let problem = DoorProblem::Ledger(error.to_string());
                    return Err(self.fail(StatusCode::INTERNAL_SERVER_ERROR, problem).await);
                }
            };
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            if since.elapsed() > self.inner.patience.max_park {
                let problem = DoorProblem::OverBudget(Box::new(shortage));
                return Err(self.fail(StatusCode::PAYMENT_REQUIRED, problem).await);
            }
            let _shown = self.door.pause(Pause::Budget);
            tokio::select! {
                () = self.answer.closed() => return Err(Step::Gone),
                () = self.inner.costs.given_back() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn wait_out_rate_limit(&mut self) -> Result<(), Step> {
        while let Some(until) = self.inner.park.until().await {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            let max_park = self.inner.patience.max_park;
            if until > since + max_park {
                let problem = DoorProblem::RateLimitedTooLong(max_park);
                return Err(self.fail(StatusCode::TOO_MANY_REQUESTS, problem).await);
            }
            let shown = self.door.after(until.duration_since(Instant::now()));
            let _shown = self.door.pause(Pause::RateLimit { until: shown });
            tokio::select! {
                () = self.answer.closed() => return Err(Step::Gone),
                () = Park::wait(until) => {}
            }
        }
        Ok(())
    }

    /// Waits until the limit of requests lets this one through. It is counted once, however often
    /// it then waits for something else before it is sent.
    async fn wait_for_turn(&mut self) -> Result<(), Step> {
        let inner = self.inner.clone();
        let Some(turns) = inner.turns.as_ref().filter(|_| !self.has_turn) else {
            return Ok(());
        };
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let max_park = inner.patience.max_park;
        let until = self.door.after(turns.pace());
        let _shown = self.door.pause(Pause::RateLimit { until });
        self.has_turn = tokio::select! {
            () = self.answer.closed() => return Err(Step::Gone),
            came = turns.next(since + max_park) => came,
        };
        if self.has_turn {
            return Ok(());
        }
        let problem = DoorProblem::RateLimitedTooLong(max_park);
        Err(self.fail(StatusCode::TOO_MANY_REQUESTS, problem).await)
    }

    /// Sends the request once. Unless it is relayed, its reservation has ended when this returns.
    async fn send(&mut self, body: Bytes, paid: Option<(&ModelCall, &Reservation)>) -> Step {
        let outgoing = Outgoing {
            route: self.asked.route,
            beta: self.asked.beta,
            headers: self.asked.headers.clone(),
            body,
            spec: self.door.spec.clone(),
        };
        self.has_turn = false;
        let first_byte = self.inner.patience.first_byte;
        let sending = tokio::time::timeout(first_byte, self.inner.backend.send(outgoing));
        let sent = tokio::select! {
            biased;
            () = self.answer.closed() => {
                self.book(paid, Booking::UpperBound).await;
                return Step::Gone;
            }
            sent = sending => sent,
        };
        self.door.touch();
        let silent = || SendError::Lost(format!("no answer within {} s", first_byte.as_secs()));
        match sent.unwrap_or_else(|_| Err(silent())) {
            Ok(incoming) if incoming.status.is_success() => Step::Relay(incoming),
            Ok(incoming) => self.refused(incoming, paid).await,
            Err(SendError::NotSent(reason)) => {
                self.book(paid, Booking::Released).await;
                self.again(reason).await
            }
            Err(SendError::Lost(reason)) => {
                self.book(paid, Booking::UpperBound).await;
                self.again(reason).await
            }
            Err(SendError::Unscripted(reason)) => {
                self.book(paid, Booking::Released).await;
                self.fail(StatusCode::BAD_REQUEST, DoorProblem::Unscripted(reason))
                    .await
            }
        }
    }

    async fn book(&self, paid: Option<(&ModelCall, &Reservation)>, booking: Booking) {
        if let Some((_, reservation)) = paid {
            book(&self.inner.costs, reservation.id, booking, None).await;
        }
    }

    /// Deals with an answer that is not a success.
    async fn refused(
        &mut self,
        incoming: Incoming,
        paid: Option<(&ModelCall, &Reservation)>,
    ) -> Step {
        let refusal = Refusal::read(&self.inner, incoming).await;
        if let Some((call, reservation)) = paid {
            let booking = refusal.booking(&self.inner.pricing, &call.model);
            book(
                &self.inner.costs,
                reservation.id,
                booking,
                refusal.request_id(),
            )
            .await;
        }
        match refusal.status.as_u16() {
            429 | 529 => {
                let pause = pause_after(&refusal.headers, self.rate_limits);
                self.inner.park.extend(pause).await;
                self.rate_limits += 1;
                Step::Again
            }
            300..=399 => {
                let reason = format!("it answered with a redirect (status {})", refusal.status);
                self.fail(StatusCode::BAD_GATEWAY, DoorProblem::Unreachable(reason))
                    .await
            }
            408 | 409 | 500..=599 => {
                let reason = format!("status {}: {}", refusal.status.as_u16(), refusal.message());
                self.again(reason).await
            }
            _ => {
                self.door
                    .fail(refusal.problem(paid.map_or("", |(call, _)| &call.model)));
                Step::Answer(refusal.into_answer())
            }
        }
    }

    /// Pauses before the next try, or gives up.
    async fn again(&mut self, reason: String) -> Step {
        self.failures += 1;
        if self.failures >= self.inner.patience.tries {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return self.fail(status, DoorProblem::Unreachable(reason)).await;
        }
        tracing::info!(agent = %self.door.spec.agent, %reason, "a request is tried again");
        let first = self.inner.patience.first_pause;
        let pause = backoff(first, LONGEST_PAUSE, self.failures - 1);
        tokio::select! {
            () = self.answer.closed() => Step::Gone,
            () = tokio::time::sleep(pause) => Step::Again,
        }
    }

    /// Answers with an error that the agent does not try again, and notes why.
    async fn fail(&self, status: StatusCode, problem: DoorProblem) -> Step {
        let why = problem.to_string();
        if problem.is_refusal() {
            let request = format!("POST {}", self.asked.route.path());
            let details = refused::request(&request, status, &why);
            refused::note(&self.inner, &self.door, refused::REQUEST, details).await;
        }
        self.door.fail(problem);
        Step::Answer(final_error(status, &why))
    }
}
