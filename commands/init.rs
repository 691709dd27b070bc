//! `eklavya init`: makes the data directory.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;

use camino::Utf8Path;
use eklavya_config::{self as config, Home, HomeOrigin};
use eklavya_services::audit;
use eklavya_store::{Location, Store};
use serde::Serialize;
use serde_json::json;

use crate::error::{CommandError, Kind};
use crate::invocation::Invocation;
use crate::output::{Page, View};
use crate::{desk, runtime};

const EXAMPLES: &str = "\
Examples:
  eklavya init                     # asks before it makes the directory
  eklavya init --yes               # for scripts
  eklavya init --home ./data       # somewhere else; then set EKLAVYA_HOME=./data";

/// Make the data directory: database and config.yaml
///
/// The data directory is --home, else EKLAVYA_HOME, else /var/lib/eklavya for root and
/// ~/.local/share/eklavya for anybody else. What is there already stays as it is, so the command
/// may be repeated; a database of an older version is brought up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// The data directory after `init`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Initialised {
    home: String,
    home_origin: HomeOrigin,
    database: String,
    config: String,
    /// Whether this run made the directory, the database file or the configuration.
    created: bool,
}

impl View for Initialised {
    fn render(&self, page: &mut Page) {
        page.fields([
            ("Home", self.home.clone()),
            ("Database", self.database.clone()),
            ("Configuration", self.config.clone()),
        ]);
    }
}

/// Runs `eklavya init`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let home = &invocation.home;
    if !home.path.exists() {
        let question = format!("Make the data directory {}?", home.path);
        invocation.prompt.confirm(&question)?;
    }
    let directory = make_directory(&home.path).map_err(|error| unusable(&home.path, &error))?;
    let config = make_config(home)?;
    let location = desk::location(invocation)?;
    let database = make_database(&location)?;
    note(invocation, &location, directory || config || database)?;
    let made = Initialised {
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

/// Returns whether the directory was made. It is nobody else's to look into: root's agents run as
/// other users, but are handed their directories already opened.
fn make_directory(path: &Utf8Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)?;
    Ok(true)
}

fn make_config(home: &Home) -> Result<bool, CommandError> {
    let path = home.config_file();
    if path.exists() {
        return Ok(false);
    }
    let text = config::reference()?;
    write_new(&home.path, &path, &text).map_err(|error| unusable(&path, &error))
}

/// Writes the whole file or none of it.
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

/// Returns whether the file was made. The tables of a server are made where there are none.
fn make_database(location: &Location) -> Result<bool, CommandError> {
    let made = match location {
        Location::File(file) => !file.exists(),
        Location::Server(_) => false,
    };
    runtime::short(async {
        let store = Store::create(location).await?;
        store.close().await;
        Ok(made)
    })
}

/// Notes in the audit trail that something was made: here, or tables on the server.
fn note(invocation: &Invocation, location: &Location, made: bool) -> Result<(), CommandError> {
    desk::with(invocation, async |desk| {
        if made || !audit::has_begun(&desk).await? {
            let home = &invocation.home.path;
            let details = json!({ "home": home, "database": location.to_string() });
            let actor = desk::actor();
            audit::note(&desk, &actor, (None, None), "installation.init", details).await?;
        }
        desk.store.close().await;
        Ok(())
    })
}

fn unusable(path: &Utf8Path, error: &io::Error) -> CommandError {
    CommandError::new(Kind::Environment, format!("cannot make {path}: {error}"))
        .hint("Choose a place that you can write to: eklavya init --home DIR")
}
