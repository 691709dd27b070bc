//! Events as lines of text.

use std::collections::BTreeMap;

use eklavya_core::event::{Event, StoredEvent};
use eklavya_core::ids::ProjectId;
use eklavya_services::{DataStore, projects};

use crate::error::CommandError;
use crate::output::{self, time};

/// Formats events with the slugs of their projects.
pub struct EventFormatter<'a> {
    data: &'a DataStore,
    slugs: BTreeMap<ProjectId, String>,
}

impl<'a> EventFormatter<'a> {
    pub fn new(data: &'a DataStore) -> Self {
        Self {
            data,
            slugs: BTreeMap::new(),
        }
    }

    /// Returns a line for each event.
    pub async fn format_events(
        &mut self,
        events: &[StoredEvent],
    ) -> Result<Vec<String>, CommandError> {
        let mut projects = events.iter().filter_map(|event| event.project);
        if projects.any(|project| !self.slugs.contains_key(&project)) {
            self.slugs = projects::slugs(self.data).await?;
        }
        Ok(events
            .iter()
            .map(|event| self.format_event(event))
            .collect())
    }

    fn format_event(&self, stored: &StoredEvent) -> String {
        let slug = stored.project.and_then(|project| self.slugs.get(&project));
        format!(
            "{:>6}  {}  {:<16}  {:<15}  {}",
            stored.seq,
            time::format_timestamp(stored.at),
            slug.map_or("-", String::as_str),
            stored.event.name(),
            event_summary(&stored.event)
        )
    }
}

fn event_summary(event: &Event) -> String {
    match event {
        Event::ProjectCreated {
            name, client_name, ..
        } => format!("{name}, for {client_name}"),
        Event::ProjectStatus {
            status, progress, ..
        } => format!("{}, {progress} %", output::state_words(status)),
        Event::AgentSpawned {
            agent_id,
            agent_type,
            ..
        } => format!("{agent_type} {}", agent_id.short()),
        Event::AgentWorking {
            agent_id,
            description,
            ..
        } => format!("{}: {description}", agent_id.short()),
        Event::AgentCompleted {
            agent_id, result, ..
        } => format!("{}: {result}", agent_id.short()),
        Event::AgentBlocked { reason, .. } => reason.clone(),
        Event::DemoReady {
            demo_number,
            preview_url,
            ..
        } => format!("demo {demo_number}: {preview_url}"),
        Event::DemoApproved {
            demo_number,
            decision,
            ..
        } => format!("demo {demo_number}: {decision}"),
        Event::BudgetWarning {
            spent,
            limit,
            percent,
            ..
        } => format!("{percent} %: ${spent} of ${limit}"),
        Event::BudgetExceeded { spent, limit, .. } => format!("${spent} of ${limit}"),
        Event::Notification { title, message, .. } => format!("{title}: {message}"),
    }
}
