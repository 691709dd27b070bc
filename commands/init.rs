//! `eklavya init`

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;

use camino::Utf8Path;
use eklavya_config::{self as config, DataDirectory, DataDirectoryOrigin};
use eklavya_services::audit;
use eklavya_store::{DatabaseLocation, Store};
use serde::Serialize;
use serde_json::json;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::{CommandInvocation, data_store, runtime};
use crate::output::{OutputPage, OutputView};

const EXAMPLES: &str = "\
Examples:
  eklavya init                     # ask before creating the directory
  eklavya init --yes               # for scripts
  eklavya init --home ./data       # another directory; then set EKLAVYA_HOME=./data";

/// Create the data directory with its database and config.yaml
///
/// The data directory is --home, else EKLAVYA_HOME, else /var/lib/eklavya for root and
/// ~/.local/share/eklavya for other users. Existing files are kept, so the command can be run again; a
/// database of an older version is migrated.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InitView {
    home: String,
    home_origin: DataDirectoryOrigin,
    database: String,
    config: String,
    /// Whether this run created the directory, the database file or the configuration.
    created: bool,
}

impl OutputView for InitView {
    fn render(&self, page: &mut OutputPage) {
        page.fields([
            ("Home", self.home.clone()),
            ("Database", self.database.clone()),
            ("Configuration", self.config.clone()),
        ]);
    }
}

pub fn exec(invocation: &CommandInvocation, _: &InitArgs) -> Result<(), CommandError> {
    let home = &invocation.home;
    if !home.path.exists() {
        let question = format!("Create the data directory {}?", home.path);
        invocation.prompt.confirm(&question)?;
    }
    let directory =
        create_directory(&home.path).map_err(|error| unusable_error(&home.path, &error))?;
    let config = create_config(home)?;
    let location = data_store::location(invocation)?;
    let database = create_database(&location)?;
    record_init(invocation, &location, directory || config || database)?;
    let made = InitView {
        home: home.path.to_string(),
        home_origin: home.origin,
        database: location.to_string(),
        config: home.config_file().into_string(),
        created: directory || config || database,
    };
    invocation.printer.view(&made)?;
    let next = "Next: eklavya doctor, then eklavya project new NAME --brief FILE";
    invocation.printer.note(next);
    Ok(())
}

/// Returns whether the directory was created. Only its owner may read it: the agents of root run as
/// other users, but get their directories mounted.
fn create_directory(path: &Utf8Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)?;
    Ok(true)
}

fn create_config(home: &DataDirectory) -> Result<bool, CommandError> {
    let path = home.config_file();
    if path.exists() {
        return Ok(false);
    }
    let text = config::render_reference()?;
    write_new(&home.path, &path, &text).map_err(|error| unusable_error(&path, &error))
}

/// Writes the file completely or not at all; returns whether it was written.
fn write_new(directory: &Utf8Path, path: &Utf8Path, text: &str) -> io::Result<bool> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Returns whether a database file was created. On a server, only missing tables are created.
fn create_database(location: &DatabaseLocation) -> Result<bool, CommandError> {
    let made = match location {
        DatabaseLocation::File(file) => !file.exists(),
        DatabaseLocation::Server(_) => false,
    };
    runtime::run_short(async {
        let store = Store::create(location).await?;
        store.close().await;
        Ok(made)
    })
}

/// Records in the audit trail that files were created here, or tables on the server.
fn record_init(
    invocation: &CommandInvocation,
    location: &DatabaseLocation,
    made: bool,
) -> Result<(), CommandError> {
    data_store::with_data_store(invocation, async |data| {
        if made || !audit::has_entries(&data).await? {
            let home = &invocation.home.path;
            let details = json!({ "home": home, "database": location.to_string() });
            let actor = data_store::current_actor();
            audit::record(&data, &actor, (None, None), "installation.init", details).await?;
        }
        data.store.close().await;
        Ok(())
    })
}

fn unusable_error(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::new(
        CommandErrorKind::Environment,
        format!("cannot create {path}: {error}"),
    )
    .with_hint("Choose a location that you can write to: eklavya init --home DIR")
}
