//! A gateway with one agent's door and its own database.

use eklavya_config::ModelCredential;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::*;
use eklavya_core::agent::role::Role;
use eklavya_core::ledger::{Budget, BudgetScope};
use eklavya_core::money::MicroUsd;
use eklavya_services::cost_report::{CostGroup, build_report};
use eklavya_testkit::ledger::LedgerFixture;

/// The credential that agents must never see.
pub const REAL_KEY: &str = "sk-ant-the-real-one";

pub struct GatewayFixture {
    pub ledger: LedgerFixture,
    pub gateway: Gateway,
    pub door: AgentDoor,
    pub client: Client,
    pub spec: DoorSpec,
}

/// Timeouts that are short enough for tests.
pub fn short_timeouts() -> GatewayTimeouts {
    GatewayTimeouts {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(20),
        idle: Duration::from_secs(20),
        max_pause: Duration::from_secs(20),
        max_attempts: 3,
        first_backoff: Duration::from_millis(10),
    }
}

pub struct GatewayFixtureSpec {
    pub model: ModelSource,
    pub budget: Option<MicroUsd>,
    pub timeouts: GatewayTimeouts,
    pub role: Role,
    pub recorder: Option<Arc<RehearsalRecorder>>,
    pub requests_per_minute: Option<u32>,
    pub egress: EgressConfig,
    pub egress_policy: EgressPolicy,
}

impl GatewayFixtureSpec {
    pub fn upstream(url: &str) -> Self {
        let credential = ModelCredential::ApiKey(REAL_KEY.into());
        Self::with_model(ModelSource::Upstream {
            url: url.to_owned(),
            credential,
            account: None,
        })
    }

    pub fn script(text: &str) -> Self {
        let script = RehearsalScript::parse(Path::new("story.yaml"), text.as_bytes()).unwrap();
        Self::with_model(ModelSource::Rehearsal(Arc::new(script)))
    }

    fn with_model(model: ModelSource) -> Self {
        Self {
            model,
            budget: None,
            timeouts: short_timeouts(),
            role: Role::Developer,
            recorder: None,
            requests_per_minute: None,
            egress: EgressConfig::default(),
            egress_policy: EgressPolicy::ModelOnly,
        }
    }

    pub fn budget(mut self, micros: i64) -> Self {
        self.budget = Some(MicroUsd(micros));
        self
    }

    pub async fn open(self) -> GatewayFixture {
        let books = LedgerFixture::open(self.budget).await.with_real_clock();
        self.open_over(books).await
    }

    /// Opens a door of another worker of the same installation.
    pub async fn open_beside(self, fixture: &GatewayFixture) -> GatewayFixture {
        self.open_over(fixture.ledger.for_another_worker()).await
    }

    async fn open_over(self, books: LedgerFixture) -> GatewayFixture {
        let gateway = Gateway::start(GatewayConfig {
            model: self.model,
            pricing: Arc::new(PriceTable::embedded().unwrap()),
            costs: books.costs.clone(),
            clock: books.costs.data().clock.clone(),
            worker: "w".into(),
            max_output_tokens: None,
            requests_per_minute: self.requests_per_minute,
            timeouts: self.timeouts,
            recorder: self.recorder,
            egress: self.egress,
        })
        .unwrap();
        let agent = books.add_agent().await;
        let work = books.dir.path().join(agent.short());
        let clone = work.join("clone");
        std::fs::create_dir_all(&clone).unwrap();
        let spec = DoorSpec {
            project: books.project.id,
            slug: "shop".into(),
            task: books.task.id,
            task_key: "T1".into(),
            agent,
            role: self.role,
            attempt: 1,
            socket_dir: work.join("door"),
            owner: None,
            variables: BTreeMap::from([("clone".into(), clone.display().to_string())]),
            egress_policy: self.egress_policy,
        };
        let door = gateway.open_door(spec.clone()).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .unix_socket(door.socket().to_owned())
            .build()
            .unwrap();
        GatewayFixture {
            ledger: books,
            gateway,
            door,
            client,
            spec,
        }
    }
}

/// Returns a request for a message.
pub fn message_request(max_tokens: u64, stream: bool) -> Value {
    json!({"model": "claude-opus-5-5", "max_tokens": max_tokens, "stream": stream,
        "messages": [{"role": "user", "content": "hi"}, {"role": "system", "content": "note"}]})
}

impl GatewayFixture {
    pub fn post_message(&self, body: &Value) -> RequestBuilder {
        self.post_to("messages?beta=true", body)
    }

    /// Requests the token count of `body`.
    pub fn post_count_tokens(&self, body: &Value) -> RequestBuilder {
        self.post_to("messages/count_tokens?beta=true", body)
    }

    fn post_to(&self, route: &str, body: &Value) -> RequestBuilder {
        self.client
            .post(format!("http://gateway/v1/{route}"))
            .header("x-api-key", self.door.token().expose_secret())
            .header("anthropic-version", "2023-06-01")
            .header("cookie", "c=d")
            .body(body.to_string())
    }

    /// Sends a request and returns the status and the whole response.
    pub async fn ask(&self, body: &Value) -> (u16, String) {
        let response = self.post_message(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Sends a request and returns the status and the response's object.
    pub async fn ask_json(&self, body: &Value) -> (u16, Value) {
        let (status, text) = self.ask(body).await;
        (status, serde_json::from_str(&text).unwrap())
    }

    pub async fn budget(&self) -> Budget {
        self.ledger
            .costs
            .find_budget(BudgetScope::Agent(self.spec.agent))
            .await
            .unwrap()
    }

    pub async fn total_cost(&self) -> CostGroup {
        build_report(self.ledger.costs.data(), self.ledger.project.id)
            .await
            .unwrap()
            .total
    }

    /// Waits until no request is in flight, and returns the costs.
    pub async fn settled_cost(&self) -> CostGroup {
        while self.door.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.budget().await.reserved, MicroUsd::ZERO);
        self.total_cost().await
    }
}
