//! Layered configuration in which every value knows its origin.
//!
//! The layers, weakest first: the defaults of [`KEYS`], `<home>/config.yaml`, the environment
//! (`EKLAVYA_*`), the command line. [`KEYS`] is the one table from which parsing, checking,
//! `config get|set|show`, the environment's names and the documentation follow.

mod credential;
mod document;
mod edit;
mod environment;
mod error;
mod home;
mod key;
mod keys;
mod layers;
mod lines;
mod nearest;
mod reference;
mod remote;
mod secrets;
mod settings;
mod value;

pub use credential::{Credential, CredentialSource, Credentials};
pub use edit::{Comments, Edit, Edited, edit};
pub use environment::Environment;
pub use error::ConfigError;
pub use home::{Home, HomeOrigin};
pub use key::{Key, Kind};
pub use keys::{KEYS, find};
pub use layers::{Entry, Layers, Origin, Override};
pub use nearest::nearest;
pub use reference::reference;
pub use remote::Remote;
pub use settings::{
    AgentLimits, BudgetLimits, Config, EgressSettings, ModelSettings, SandboxSettings,
    StageSettings, WorkerSettings,
};
pub use value::Value;
