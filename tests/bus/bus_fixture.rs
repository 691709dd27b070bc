//! An installation with a project, its agents, and processes that work on it.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::agent::role::Role;
use eklavya_core::agent::{Agent, AgentEvent};
use eklavya_core::audit::AuditActor;
use eklavya_core::clock::{FixedClock, SystemClock};
use eklavya_core::event::{Event, NotificationLevel};
use eklavya_core::ids::AgentId;
use eklavya_core::project::Project;
use eklavya_core::task::{Task, TaskKind};
use eklavya_services::bus::{Bus, BusEvent, BusListener, BusSignal, OnUnavailable, RedisServer};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{DataStore, agents};
use eklavya_store::{self as store, DatabaseLocation, Store, installation};
use eklavya_testkit::agents::starting_agent;
use eklavya_testkit::servers::postgres::TestPostgres;
use eklavya_testkit::servers::redis::TestRedis;
use tempfile::TempDir;
use url::Url;

pub struct BusFixture {
    pub redis: Option<TestRedis>,
    pub data: DataStore,
    pub project: Project,
    task: Task,
    location: DatabaseLocation,
    _directory: TempDir,
}

impl BusFixture {
    /// On SQLite, with the bus inside the process.
    pub async fn in_process() -> Self {
        Self::open(None, None).await
    }

    /// On SQLite, with a Redis server of its own.
    pub async fn on_redis() -> Self {
        Self::open(None, Some(TestRedis::start())).await
    }

    /// On a database of its own on the shared PostgreSQL server, with the bus inside the process.
    pub async fn on_postgres() -> Self {
        Self::open(Some(TestPostgres::shared()), None).await
    }

    async fn open(url: Option<String>, redis: Option<TestRedis>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = match url {
            Some(url) => {
                let server = store::PostgresServer::new(&Url::parse(&url).unwrap(), None).unwrap();
                DatabaseLocation::Server(Box::new(server))
            }
            None => DatabaseLocation::File(directory.path().join("eklavya.db")),
        };
        Store::create(&location).await.unwrap().close().await;
        let data = open_process(&location, redis.as_ref()).await;
        let new = NewProject {
            name: "Shop".into(),
            slug: Some("shop".into()),
            client: "C".into(),
            brief: b"A shop.".to_vec(),
            budget: None,
            rehearsal: None,
        };
        let project = projects::create(&data, &AuditActor::System, new)
            .await
            .unwrap();
        let new = NewTask::new("T1", TaskKind::Build, Role::Developer, "Build");
        let made = tasks::ensure(&data, &project, vec![new]).await.unwrap();
        Self {
            redis,
            data,
            project,
            task: made.into_iter().next().unwrap(),
            location,
            _directory: directory,
        }
    }

    /// Returns another process of the installation, with its own connections to the database and to
    /// the bus. If the bus is inside the process, the new process does not share it.
    pub async fn new_process(&self) -> DataStore {
        open_process(&self.location, self.redis.as_ref()).await
    }

    /// Returns another process on the same bus.
    pub async fn new_bus_peer(&self) -> DataStore {
        match self.redis {
            Some(_) => self.new_process().await,
            None => self.data.clone(),
        }
    }

    /// Returns the Redis server, to stop or restart it.
    pub fn redis_server(&mut self) -> &mut TestRedis {
        self.redis.as_mut().expect("the fixture has a Redis server")
    }

    /// Adds a live agent.
    pub async fn add_agent(&self) -> AgentId {
        let agent = Agent {
            version: 0,
            ..starting_agent(&self.task, self.data.now())
        };
        let mut change = self.data.begin(&AuditActor::System).await.unwrap();
        agents::spawn_in(&mut change, &agent, None).await.unwrap();
        change.commit().await.unwrap();
        agent.id
    }

    pub async fn end_agent(&self, agent: AgentId) {
        let spawn = [AgentEvent::Spawn, AgentEvent::Complete];
        for event in spawn {
            agents::advance(&self.data, &AuditActor::System, agent, event, None)
                .await
                .unwrap();
        }
    }

    /// Waits until this process is connected to the server (or disconnected from it).
    pub async fn wait_until_connected(&self, connected: bool) {
        while self.data.bus.connection_generation().is_some() != connected {
            yield_briefly().await;
        }
    }
}

async fn open_process(location: &DatabaseLocation, redis: Option<&TestRedis>) -> DataStore {
    let store = Store::open(location).await.unwrap();
    let bus = match redis {
        Some(redis) => {
            let id = installation::ensure_id(&store).await.unwrap();
            let server = RedisServer::new(&Url::parse(&redis.url()).unwrap(), None).unwrap();
            Bus::open(server, id, OnUnavailable::Refuse).await.unwrap()
        }
        None => Bus::in_process(),
    };
    DataStore::with_bus(store, Arc::new(SystemClock), bus)
}

impl BusFixture {
    /// Returns this process with a fixed clock.
    pub fn with_clock(&self, clock: &Arc<FixedClock>) -> DataStore {
        let (store, bus) = (self.data.store.clone(), self.data.bus.clone());
        DataStore::with_bus(store, clock.clone(), bus)
    }
}

/// Returns a notification whose title is the number.
pub fn numbered_news(number: u32) -> BusEvent {
    BusEvent {
        project: None,
        event: Event::Notification {
            level: NotificationLevel::Info,
            title: number.to_string(),
            message: String::new(),
            actions: Vec::new(),
        },
    }
}

/// Receives notifications up to the one with the number `last`, and returns their numbers.
pub async fn receive_until(listener: &mut BusListener, last: u32) -> Vec<u32> {
    let mut heard = Vec::new();
    while heard.last() != Some(&last) {
        heard.push(receive_number(listener).await);
    }
    heard
}

/// Receives one notification and returns its number.
pub async fn receive_number(listener: &mut BusListener) -> u32 {
    loop {
        if let Some(BusSignal::Event(BusEvent {
            event: Event::Notification { title, .. },
            ..
        })) = listener.next().await
        {
            return title.parse().unwrap();
        }
    }
}

/// Sleeps for a moment, in a loop that waits for other tasks.
pub async fn yield_briefly() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
