//! The time that the gateway adds to a request: a request through an agent's door, compared with
//! the same request sent directly to the same endpoint, which answers at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eklavya_config::ModelCredential;
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_core::task::TaskKind;
use eklavya_gateway::{
    AgentDoor, DoorSpec, EgressConfig, EgressPolicy, Gateway, GatewayConfig, GatewayTimeouts,
    ModelSource, PriceTable,
};
use eklavya_services::costs::{CostTracker, DefaultLimits};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{DataStore, agents};
use eklavya_store::{DatabaseLocation, Store};
use eklavya_testkit::agents::starting_agent;
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::BenchError;
use crate::options::BenchOptions;
use crate::pipeline::model_endpoint::ModelEndpoint;
use crate::pipeline::scripted_conversations::ScriptedConversations;
use crate::results::comparison::TimingComparison;

/// The requests of each side in one round.
const REQUESTS: usize = 100;
/// The task whose first answer is the answer to every request.
const TASK: &str = "T1";
/// The names of the parts of the endpoint for the gateway and for direct requests.
const THROUGH: &str = "through";
const STRAIGHT: &str = "straight";

/// Measures both sides alternately.
pub async fn measure(options: &BenchOptions) -> Result<TimingComparison, BenchError> {
    let bench = GatewayBench::new(options).await?;
    let mut found = TimingComparison::new("gateway", None, None);
    // A warm-up makes the connections and writes the first rows.
    bench.queue_answers()?;
    bench.time_through_gateway().await?;
    bench.time_direct().await?;
    for _ in 0..options.rounds {
        bench.queue_answers()?;
        for _ in 0..REQUESTS {
            found.subject.add(bench.time_through_gateway().await?);
            found.reference.add(bench.time_direct().await?);
        }
    }
    bench.door.close().await;
    bench.gateway.shutdown().await;
    Ok(found)
}

struct GatewayBench {
    _directory: tempfile::TempDir,
    model: ModelEndpoint,
    conversations: ScriptedConversations,
    gateway: Gateway,
    door: AgentDoor,
    client: Client,
    direct: Client,
}

impl GatewayBench {
    async fn new(options: &BenchOptions) -> Result<Self, BenchError> {
        let directory = crate::create_directory(options)?;
        let model = ModelEndpoint::start().await?;
        let data = open_data_store(directory.path()).await?;
        let gateway = start_gateway(&data, &model)?;
        let door = gateway.open_door(create_door_spec(&data, directory.path()).await?)?;
        Ok(Self {
            client: Client::builder()
                .unix_socket(door.socket().to_owned())
                .build()?,
            direct: Client::new(),
            conversations: ScriptedConversations::load(0.0)?,
            model,
            gateway,
            door,
            _directory: directory,
        })
    }

    /// Queues the answers of the endpoint for one round of both sides.
    fn queue_answers(&self) -> Result<(), BenchError> {
        let all = self
            .conversations
            .answers(Role::Developer, TASK, Path::new("/nowhere"))?;
        let first = all.into_iter().next().ok_or("nothing is answered")?;
        for name in [THROUGH, STRAIGHT] {
            self.model.add_session(name, vec![first.clone(); REQUESTS]);
        }
        Ok(())
    }

    async fn time_through_gateway(&self) -> Result<Duration, BenchError> {
        let key = self.door.token().expose_secret();
        time_request(&self.client, "http://door/v1/messages", key).await
    }

    async fn time_direct(&self) -> Result<Duration, BenchError> {
        let url = format!(
            "http://127.0.0.1:{}/{STRAIGHT}/v1/messages",
            self.model.port()
        );
        time_request(&self.direct, &url, "sk-ant-none").await
    }
}

/// Sends a request and reads its answer to the end.
async fn time_request(client: &Client, url: &str, key: &str) -> Result<Duration, BenchError> {
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

async fn open_data_store(directory: &Path) -> Result<DataStore, BenchError> {
    let store = Store::create(&DatabaseLocation::File(directory.join("eklavya.db"))).await?;
    Ok(DataStore::new(store, Arc::new(SystemClock)))
}

fn start_gateway(data: &DataStore, model: &ModelEndpoint) -> Result<Gateway, BenchError> {
    let config = GatewayConfig {
        model: ModelSource::Upstream {
            url: format!("http://127.0.0.1:{}/{THROUGH}", model.port()),
            credential: ModelCredential::ApiKey("sk-ant-none".into()),
            account: None,
        },
        pricing: Arc::new(PriceTable::embedded()?),
        costs: CostTracker::new(data.clone(), DefaultLimits::default()),
        clock: data.clock.clone(),
        worker: "bench".to_owned(),
        max_output_tokens: None,
        requests_per_minute: None,
        timeouts: GatewayTimeouts::default(),
        recorder: None,
        egress: EgressConfig::default(),
    };
    Ok(Gateway::start(config)?)
}

/// Creates a project with a task and an agent, and opens the agent's door.
async fn create_door_spec(data: &DataStore, directory: &Path) -> Result<DoorSpec, BenchError> {
    let new = NewProject {
        name: "Shop".to_owned(),
        slug: None,
        client: "Ada".to_owned(),
        brief: b"A shop.".to_vec(),
        budget: None,
        rehearsal: None,
    };
    let project = projects::create(data, &AuditActor::System, new).await?;
    let new = NewTask::new(TASK, TaskKind::Build, Role::Developer, "Build");
    let made = tasks::ensure(data, &project, vec![new]).await?;
    let task = made.into_iter().next().ok_or("there is no task")?;
    let agent = starting_agent(&task, data.now());
    let mut change = data.begin(&AuditActor::System).await?;
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
        socket_dir: directory.join("door"),
        owner: None,
        variables: BTreeMap::new(),
        egress_policy: EgressPolicy::ModelOnly,
    })
}
