//! What the gateway adds to a request: the way through an agent's door, beside the same request sent
//! straight to the same endpoint, which answers at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eklavya_config::Credential;
use eklavya_core::clock::SystemClock;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::TaskKind;
use eklavya_gateway::{
    Door, DoorSpec, EgressConfig, Gateway, GatewayConfig, ModelSource, Patience, Pricing, Reach,
};
use eklavya_services::costs::{Costs, DefaultLimits};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{Desk, agents};
use eklavya_store::{Location, Store};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::Fault;
use crate::agents::beginning;
use crate::comparison::Comparison;
use crate::options::Options;
use crate::pipeline::conversations::Conversations;
use crate::pipeline::model::Model;

/// Requests of each side in one round.
const REQUESTS: usize = 100;
/// The task whose first answer is given to every request.
const TASK: &str = "T1";
/// The name under which the endpoint plays for the gateway, and for those who come straight.
const THROUGH: &str = "through";
const STRAIGHT: &str = "straight";

/// Measures both in turn.
pub async fn measure(options: &Options) -> Result<Comparison, Fault> {
    let bench = Bench::new(options).await?;
    let mut found = Comparison::new("gateway", None, None);
    // Once for nothing: connections are made, and the first rows are written.
    bench.answers()?;
    bench.through().await?;
    bench.straight().await?;
    for _ in 0..options.rounds {
        bench.answers()?;
        for _ in 0..REQUESTS {
            found.subject.add(bench.through().await?);
            found.reference.add(bench.straight().await?);
        }
    }
    bench.door.close().await;
    bench.gateway.shutdown().await;
    Ok(found)
}

struct Bench {
    _place: tempfile::TempDir,
    model: Model,
    conversations: Conversations,
    gateway: Gateway,
    door: Door,
    client: Client,
    direct: Client,
}

impl Bench {
    async fn new(options: &Options) -> Result<Self, Fault> {
        let place = crate::directory(options)?;
        let model = Model::start().await?;
        let desk = desk(place.path()).await?;
        let gateway = gateway(&desk, &model)?;
        let door = gateway.open_door(door(&desk, place.path()).await?)?;
        Ok(Self {
            client: Client::builder()
                .unix_socket(door.socket().to_owned())
                .build()?,
            direct: Client::new(),
            conversations: Conversations::load(0.0)?,
            model,
            gateway,
            door,
            _place: place,
        })
    }

    /// Has the endpoint answer one round of both sides.
    fn answers(&self) -> Result<(), Fault> {
        let all = self
            .conversations
            .answers(Role::Developer, TASK, Path::new("/nowhere"))?;
        let first = all.into_iter().next().ok_or("nothing is answered")?;
        for name in [THROUGH, STRAIGHT] {
            self.model.play(name, vec![first.clone(); REQUESTS]);
        }
        Ok(())
    }

    async fn through(&self) -> Result<Duration, Fault> {
        let key = self.door.token().expose_secret();
        asked(&self.client, "http://door/v1/messages", key).await
    }

    async fn straight(&self) -> Result<Duration, Fault> {
        let url = format!(
            "http://127.0.0.1:{}/{STRAIGHT}/v1/messages",
            self.model.port()
        );
        asked(&self.direct, &url, "sk-ant-none").await
    }
}

/// Sends a request and reads its answer to the end.
async fn asked(client: &Client, url: &str, key: &str) -> Result<Duration, Fault> {
    let body = json!({
        "model": "claude-opus-5-5", "max_tokens": 1024, "stream": true,
        "messages": [{ "role": "user", "content": "What is next?" }],
    });
    let start = Instant::now();
    let answer = client
        .post(url)
        .header("x-api-key", key)
        .json(&body)
        .send()
        .await?;
    let answer = answer.error_for_status()?;
    answer.bytes().await?;
    Ok(start.elapsed())
}

async fn desk(place: &Path) -> Result<Desk, Fault> {
    let store = Store::create(&Location::File(place.join("eklavya.db"))).await?;
    Ok(Desk::new(store, Arc::new(SystemClock)))
}

fn gateway(desk: &Desk, model: &Model) -> Result<Gateway, Fault> {
    let config = GatewayConfig {
        model: ModelSource::Upstream {
            url: format!("http://127.0.0.1:{}/{THROUGH}", model.port()),
            credential: Credential::ApiKey("sk-ant-none".into()),
            account: None,
        },
        pricing: Arc::new(Pricing::embedded()?),
        costs: Costs::new(desk.clone(), DefaultLimits::default()),
        clock: desk.clock.clone(),
        worker: "bench".to_owned(),
        max_output_tokens: None,
        requests_per_minute: None,
        patience: Patience::default(),
        recorder: None,
        egress: EgressConfig::default(),
    };
    Ok(Gateway::start(config)?)
}

/// Makes a project with a task and an agent, and returns its door.
async fn door(desk: &Desk, place: &Path) -> Result<DoorSpec, Fault> {
    let new = NewProject {
        name: "Shop".to_owned(),
        slug: None,
        client: "Ada".to_owned(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let project = projects::create(desk, &Actor::System, new).await?;
    let new = NewTask::new(TASK, TaskKind::Build, Role::Developer, "Build");
    let made = tasks::ensure(desk, &project, vec![new]).await?;
    let task = made.into_iter().next().ok_or("there is no task")?;
    let agent = beginning(&task, desk.now());
    let mut change = desk.change(&Actor::System).await?;
    agents::spawn_in(&mut change, &agent, None).await?;
    change.commit().await?;
    Ok(DoorSpec {
        project: project.id,
        slug: project.slug,
        task: task.id,
        task_key: task.key,
        agent: agent.id,
        role: agent.role,
        attempt: 1,
        socket_dir: place.join("door"),
        owner: None,
        variables: BTreeMap::new(),
        reach: Reach::Nothing,
    })
}
