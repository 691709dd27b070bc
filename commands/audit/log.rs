//! `eklavya audit log`

use std::collections::BTreeMap;

use eklavya_core::audit::canonical;
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_services::{DataStore, agents, audit, projects};
use eklavya_store::audit::{AuditFilter, StoredAuditEntry};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::INSTALLATION;
use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::output::{TableRow, time};

/// Number of entries that are shown without `--limit` and `--since`.
const DEFAULT_LIMIT: u32 = 100;
/// Length of the details in a table, in characters.
const MAX_DETAIL_CHARS: usize = 100;

const EXAMPLES: &str = "\
Examples:
  eklavya audit log shop
  eklavya audit log shop --agent 3f2a --action agent.tool
  eklavya audit log --installation --since 2026-01-31
  eklavya audit log shop --since 1200 --output jsonl     # entries after position 1200";

/// Show who did what, newest last
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditLogArgs {
    /// Only show the entries of this project
    slug: Option<String>,

    /// Show the entries of all projects and of the installation (the default)
    #[arg(long, conflicts_with_all = ["slug", "installation"])]
    all: bool,

    /// Only show the entries that belong to no project
    #[arg(long, conflicts_with = "slug")]
    installation: bool,

    /// Only show the entries of this agent: its id, or a unique prefix of it
    #[arg(long, value_name = "ID")]
    agent: Option<String>,

    /// Only show actions that start with PREFIX, such as `plan` or `agent.tool`
    #[arg(long, value_name = "PREFIX")]
    action: Option<String>,

    /// Only show entries from this time on (UTC if it has no zone), or after this position
    #[arg(long, value_name = "TIME|POSITION", value_parser = parse_start)]
    since: Option<AuditLogStart>,

    /// Show at most N entries, the newest ones (default: 100, or all with --since)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Where the listing starts.
#[derive(Debug, Clone, Copy)]
enum AuditLogStart {
    /// After this position in a chain.
    Position(i64),
    /// At this time.
    Moment(Timestamp),
}

fn parse_start(text: &str) -> Result<AuditLogStart, String> {
    if let Ok(position) = text.parse::<u32>() {
        return Ok(AuditLogStart::Position(i64::from(position)));
    }
    if let Ok(moment) = text.parse() {
        return Ok(AuditLogStart::Moment(moment));
    }
    let civil: DateTime = text.parse().map_err(|_| {
        "expected a time like 2026-01-31T12:00:00Z or a position like 1200".to_owned()
    })?;
    let moment = TimeZone::UTC.to_timestamp(civil);
    moment
        .map(AuditLogStart::Moment)
        .map_err(|error| error.to_string())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditEntryView {
    id: i64,
    chain: Uuid,
    /// The slug; `None` for an entry that belongs to no project.
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

pub fn exec(invocation: &CommandInvocation, args: &AuditLogArgs) -> Result<(), CommandError> {
    let lines = data_store::with_data_store(invocation, async |data| {
        let filter = build_filter(&data, args).await?;
        let slugs = projects::slugs(&data).await?;
        let found = audit::list(&data, &filter).await?;
        Ok(found
            .into_iter()
            .map(|line| AuditEntryView::of(line, &slugs))
            .collect::<Vec<_>>())
    })?;
    invocation.printer.list(&lines, "No matching audit entries")
}

async fn build_filter(data: &DataStore, args: &AuditLogArgs) -> Result<AuditFilter, CommandError> {
    let chain = match &args.slug {
        Some(slug) => Some(projects::find(data, slug).await?.id.0),
        None if args.installation => Some(audit::installation_id(data).await?),
        None => None,
    };
    let agent = match &args.agent {
        Some(prefix) => Some(agents::find(data, prefix).await?.id),
        None => None,
    };
    let (since, after) = match args.since {
        Some(AuditLogStart::Moment(moment)) => (Some(moment), None),
        Some(AuditLogStart::Position(_)) if chain.is_none() => {
            let message = "a position needs a single chain";
            return Err(
                CommandError::usage(message).with_hint("Name a project, or pass --installation")
            );
        }
        Some(AuditLogStart::Position(position)) => (None, Some(position)),
        None => (None, None),
    };
    Ok(AuditFilter {
        chain,
        agent,
        action: args.action.clone(),
        since,
        after,
        limit: args.limit.or(args.since.is_none().then_some(DEFAULT_LIMIT)),
    })
}

impl AuditEntryView {
    fn of(line: StoredAuditEntry, slugs: &BTreeMap<ProjectId, String>) -> Self {
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

    /// Returns the actor; an agent has its short id.
    fn actor(&self) -> String {
        let agent = self.actor.strip_prefix("agent:");
        match agent.and_then(|id| id.parse::<AgentId>().ok()) {
            Some(agent) => format!("agent:{}", agent.short()),
            None => self.actor.clone(),
        }
    }

    /// Returns the details for the table, the most important members first.
    fn details(&self) -> String {
        const FIRST: [&str; 6] = ["tool", "request", "decision", "task", "event", "why"];
        let Value::Object(members) = &self.details else {
            return canonical::to_text(&self.details);
        };
        let rank = |name: &str| FIRST.iter().position(|first| *first == name);
        let mut ordered: Vec<_> = members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .collect();
        ordered.sort_by_key(|(name, _)| rank(name).unwrap_or(FIRST.len()));
        let pairs = ordered
            .into_iter()
            .map(|(name, value)| format!("{name}={}", canonical::to_text(value)));
        let text = pairs.collect::<Vec<_>>().join(" ");
        let mut shown: String = text.chars().take(MAX_DETAIL_CHARS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }
}

impl TableRow for AuditEntryView {
    const COLUMNS: &'static [&'static str] = &[
        "time", "project", "position", "actor", "action", "agent", "details",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            time::format_timestamp(self.at),
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
        let moment = |text| match parse_start(text) {
            Ok(AuditLogStart::Moment(moment)) => moment.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(moment("2026-01-31"), "2026-01-31T00:00:00Z");
        assert_eq!(moment("2026-01-31T12:30"), "2026-01-31T12:30:00Z");
        assert_eq!(moment("2026-01-31T12:30:00+02:00"), "2026-01-31T10:30:00Z");
        assert!(matches!(parse_start("12"), Ok(AuditLogStart::Position(12))));
        for wrong in ["-1", "yesterday", "", "2026-13-01"] {
            assert!(parse_start(wrong).is_err(), "{wrong}");
        }
    }
}
