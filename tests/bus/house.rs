//! An installation with a project, its agents, and processes that work on it.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::{FixedClock, SystemClock};
use eklavya_core::domain::agent::{Agent, AgentEvent};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::event::{Event, Level};
use eklavya_core::domain::ids::AgentId;
use eklavya_core::domain::project::Project;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskKind};
use eklavya_services::bus::{Bus, Heard, Listener, News, Server, WhenAway};
use eklavya_services::projects::{self, NewProject};
use eklavya_services::tasks::{self, NewTask};
use eklavya_services::{Desk, agents};
use eklavya_store::{self as store, Location, Store, installation};
use tempfile::TempDir;
use url::Url;

use crate::agents::beginning;
use crate::postgres::Postgres;
use crate::redis_server::Redis;

/// An installation.
pub struct House {
    pub redis: Option<Redis>,
    pub desk: Desk,
    pub project: Project,
    task: Task,
    location: Location,
    _directory: TempDir,
}

impl House {
    /// On SQLite, with the bus inside the process.
    pub async fn in_process() -> Self {
        Self::open(None, None).await
    }

    /// On SQLite, with a Redis server of its own.
    pub async fn on_redis() -> Self {
        Self::open(None, Some(Redis::start())).await
    }

    /// On a database of its own on the shared PostgreSQL server, with the bus inside the process.
    pub async fn on_postgres() -> Self {
        Self::open(Some(Postgres::shared()), None).await
    }

    async fn open(url: Option<String>, redis: Option<Redis>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = match url {
            Some(url) => {
                let server = store::Server::new(&Url::parse(&url).unwrap(), None).unwrap();
                Location::Server(Box::new(server))
            }
            None => Location::File(directory.path().join("eklavya.db")),
        };
        Store::create(&location).await.unwrap().close().await;
        let desk = process(&location, redis.as_ref()).await;
        let new = NewProject {
            name: "Shop".into(),
            slug: Some("shop".into()),
            client: "C".into(),
            brief: b"A shop.".to_vec(),
            budget: None,
            rehearsal: None,
        };
        let project = projects::create(&desk, &Actor::System, new).await.unwrap();
        let new = NewTask::new("T1", TaskKind::Build, Role::Developer, "Build");
        let made = tasks::ensure(&desk, &project, vec![new]).await.unwrap();
        Self {
            redis,
            desk,
            project,
            task: made.into_iter().next().unwrap(),
            location,
            _directory: directory,
        }
    }

    /// Returns another process of the installation: connections of its own to the database, and its
    /// own end of the bus. Where the bus is inside the process, it is as alone as a process is.
    pub async fn another(&self) -> Desk {
        process(&self.location, self.redis.as_ref()).await
    }

    /// Returns whoever else is on the same bus.
    pub async fn another_on_the_bus(&self) -> Desk {
        match self.redis {
            Some(_) => self.another().await,
            None => self.desk.clone(),
        }
    }

    /// Returns the server, to do something to it.
    pub fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("this house has a server")
    }

    /// Adds an agent that is at work.
    pub async fn agent(&self) -> AgentId {
        let agent = Agent {
            version: 0,
            ..beginning(&self.task, self.desk.now())
        };
        let mut change = self.desk.change(&Actor::System).await.unwrap();
        agents::spawn_in(&mut change, &agent, None).await.unwrap();
        change.commit().await.unwrap();
        agent.id
    }

    /// Ends an agent.
    pub async fn end(&self, agent: AgentId) {
        let spawn = [AgentEvent::Spawn, AgentEvent::Complete];
        for event in spawn {
            agents::advance(&self.desk, &Actor::System, agent, event, None)
                .await
                .unwrap();
        }
    }

    /// Waits until this process's connection to the server is there, or is not.
    pub async fn until_connected(&self, connected: bool) {
        while self.desk.bus.connection().is_some() != connected {
            pause().await;
        }
    }
}

async fn process(location: &Location, redis: Option<&Redis>) -> Desk {
    let store = Store::open(location).await.unwrap();
    let bus = match redis {
        Some(redis) => {
            let id = installation::id(&store).await.unwrap();
            let server = Server::new(&Url::parse(&redis.url()).unwrap(), None).unwrap();
            Bus::open(server, id, WhenAway::Refuse).await.unwrap()
        }
        None => Bus::in_process(),
    };
    Desk::with_bus(store, Arc::new(SystemClock), bus)
}

impl House {
    /// Returns this process under a clock that stands still.
    pub fn under(&self, clock: &Arc<FixedClock>) -> Desk {
        let (store, bus) = (self.desk.store.clone(), self.desk.bus.clone());
        Desk::with_bus(store, clock.clone(), bus)
    }
}

/// A piece of news that can be told from others.
pub fn news(number: u32) -> News {
    News {
        project: None,
        event: Event::Notification {
            level: Level::Info,
            title: number.to_string(),
            message: String::new(),
            actions: Vec::new(),
        },
    }
}

/// Hears pieces of news up to the one with this number, and returns their numbers.
pub async fn hear_until(listener: &mut Listener, last: u32) -> Vec<u32> {
    let mut heard = Vec::new();
    while heard.last() != Some(&last) {
        heard.push(hear_one(listener).await);
    }
    heard
}

/// Hears one piece of news, and returns its number.
pub async fn hear_one(listener: &mut Listener) -> u32 {
    loop {
        if let Some(Heard::News(News {
            event: Event::Notification { title, .. },
            ..
        })) = listener.next().await
        {
            return title.parse().unwrap();
        }
    }
}

/// Lets others go on for a moment, in a loop that waits for them.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
