//! `eklavya audit log`

use std::collections::BTreeMap;

use eklavya_core::domain::audit::canonical;
use eklavya_core::domain::ids::{AgentId, ProjectId};
use eklavya_services::{Desk, agents, audit, projects};
use eklavya_store::audit::{Filter, StoredAudit};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::INSTALLATION;
use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::output::{Row, time};

/// How many lines are shown where it is not said how many or since when.
const USUAL: u32 = 100;
/// How much of the particulars people are shown, in characters.
const SHOWN_CHARS: usize = 100;

const EXAMPLES: &str = "\
Examples:
  eklavya audit log shop
  eklavya audit log shop --agent 3f2a --action agent.tool
  eklavya audit log --installation --since 2026-01-31
  eklavya audit log shop --since 1200 --output jsonl     # what follows position 1200";

/// Show who did what, newest last
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only what concerns this project
    slug: Option<String>,

    /// What concerns every project and none, which is the default
    #[arg(long, conflicts_with_all = ["slug", "installation"])]
    all: bool,

    /// Only what concerns no project
    #[arg(long, conflicts_with = "slug")]
    installation: bool,

    /// Only what concerns this agent: the beginning of its id
    #[arg(long, value_name = "ID")]
    agent: Option<String>,

    /// Only actions that begin like this, such as plan or agent.tool
    #[arg(long, value_name = "PREFIX")]
    action: Option<String>,

    /// Only from this moment on (UTC where no zone is given), or after this position
    #[arg(long, value_name = "TIME|POSITION", value_parser = since)]
    since: Option<Since>,

    /// At most so many lines, the newest; 100 where neither this nor --since is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
enum Since {
    /// After this place in a chain.
    Position(i64),
    /// At this moment.
    Moment(Timestamp),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(position) = text.parse::<u32>() {
        return Ok(Since::Position(i64::from(position)));
    }
    if let Ok(moment) = text.parse() {
        return Ok(Since::Moment(moment));
    }
    let civil: DateTime = text.parse().map_err(|_| {
        "type a moment like 2026-01-31T12:00:00Z or a position like 1200".to_owned()
    })?;
    let moment = TimeZone::UTC.to_timestamp(civil);
    moment.map(Since::Moment).map_err(|error| error.to_string())
}

/// A line of the audit trail.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogLine {
    id: i64,
    chain: Uuid,
    /// The slug; nothing for what concerns no project.
    project: Option<String>,
    position: i64,
    at: Timestamp,
    actor: String,
    agent: Option<AgentId>,
    action: String,
    details: Value,
    previous_hash: String,
    hash: String,
}

/// Runs `eklavya audit log`.
pub fn exec(invocation: &Invocation, args: &Args) -> Result<(), CommandError> {
    let lines = desk::with(invocation, async |desk| {
        let filter = filter(&desk, args).await?;
        let projects = projects::list(&desk).await?;
        let slugs: BTreeMap<ProjectId, String> = projects
            .into_iter()
            .map(|project| (project.id, project.slug))
            .collect();
        let found = audit::list(&desk, &filter).await?;
        Ok(found
            .into_iter()
            .map(|line| LogLine::of(line, &slugs))
            .collect::<Vec<_>>())
    })?;
    invocation
        .printer
        .list(&lines, "Nothing of the kind was done")
}

async fn filter(desk: &Desk, args: &Args) -> Result<Filter, CommandError> {
    let chain = match &args.slug {
        Some(slug) => Some(projects::find(desk, slug).await?.id.0),
        None if args.installation => Some(audit::installation(desk).await?),
        None => None,
    };
    let agent = match &args.agent {
        Some(prefix) => Some(agents::find(desk, prefix).await?.id),
        None => None,
    };
    let (since, after) = match args.since {
        Some(Since::Moment(moment)) => (Some(moment), None),
        Some(Since::Position(_)) if chain.is_none() => {
            let message = "a position is one of a single chain";
            return Err(CommandError::usage(message).hint("Name a project, or say --installation"));
        }
        Some(Since::Position(position)) => (None, Some(position)),
        None => (None, None),
    };
    Ok(Filter {
        chain,
        agent,
        action: args.action.clone(),
        since,
        after,
        limit: args.limit.or(args.since.is_none().then_some(USUAL)),
    })
}

impl LogLine {
    fn of(line: StoredAudit, slugs: &BTreeMap<ProjectId, String>) -> Self {
        let project = line.content.project;
        Self {
            id: line.id,
            chain: line.chain,
            project: project.map(|id| slugs.get(&id).cloned().unwrap_or_else(|| id.to_string())),
            position: line.position,
            at: line.content.at,
            actor: line.content.actor,
            agent: line.content.agent,
            action: line.content.action,
            details: line.content.details,
            previous_hash: line.previous_hash,
            hash: line.hash,
        }
    }

    /// Returns who acted; an agent by the id that people type.
    fn actor(&self) -> String {
        let agent = self.actor.strip_prefix("agent:");
        match agent.and_then(|id| id.parse::<AgentId>().ok()) {
            Some(agent) => format!("agent:{}", agent.short()),
            None => self.actor.clone(),
        }
    }

    /// Returns the particulars for people: what matters most comes first.
    fn details(&self) -> String {
        const FIRST: [&str; 6] = ["tool", "request", "decision", "task", "event", "why"];
        let Value::Object(members) = &self.details else {
            return canonical::text(&self.details);
        };
        let place = |name: &str| FIRST.iter().position(|first| *first == name);
        let mut ordered: Vec<_> = members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .collect();
        ordered.sort_by_key(|(name, _)| place(name).unwrap_or(FIRST.len()));
        let told = ordered
            .into_iter()
            .map(|(name, value)| format!("{name}={}", canonical::text(value)));
        let text = told.collect::<Vec<_>>().join(" ");
        let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }
}

impl Row for LogLine {
    const COLUMNS: &'static [&'static str] = &[
        "time", "project", "position", "actor", "action", "agent", "details",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            time::moment(self.at),
            self.project.clone().unwrap_or(INSTALLATION.to_owned()),
            self.position.to_string(),
            self.actor(),
            self.action.clone(),
            self.agent.map(|agent| agent.short()).unwrap_or_default(),
            self.details(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_moment_or_a_position() {
        let moment = |text| match since(text) {
            Ok(Since::Moment(moment)) => moment.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(moment("2026-01-31"), "2026-01-31T00:00:00Z");
        assert_eq!(moment("2026-01-31T12:30"), "2026-01-31T12:30:00Z");
        assert_eq!(moment("2026-01-31T12:30:00+02:00"), "2026-01-31T10:30:00Z");
        assert!(matches!(since("12"), Ok(Since::Position(12))));
        for wrong in ["-1", "yesterday", "", "2026-13-01"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
