//! Layered configuration in which every value knows its origin.
//!
//! The layers, weakest first: the defaults of [`KEYS`], `<home>/config.yaml`, the environment
//! (`EKLAVYA_*`), the command line. [`KEYS`] is the table behind parsing, checking, `config get|set|show`,
//! the names of environment variables, and the documentation.

mod credential;
mod data_directory;
mod environment;
mod error;
mod file;
mod keys;
mod known_secrets;
mod layers;
mod nearest;
mod remote_server;
mod settings;

pub use crate::data_directory::{DataDirectory, DataDirectoryOrigin};
pub use crate::remote_server::RemoteServer;
pub use credential::{CredentialSource, CredentialSources, ModelCredential};
pub use environment::ProcessEnvironment;
pub use error::ConfigError;
pub use file::edit::{CommentOutcome, EditedConfig, KeyEdit, edit_key};
pub use file::reference::render_reference;
pub use keys::key::{ConfigKey, ValueKind};
pub use keys::value::ConfigValue;
pub use keys::{KEYS, find_key};
pub use layers::{ConfigEntry, ConfigLayers, ConfigOverride, ValueOrigin};
pub use nearest::find_nearest;
pub use settings::{
    AgentLimits, BudgetLimits, Config, EgressSettings, ModelSettings, SandboxSettings,
    StageSettings, WorkerSettings,
};
