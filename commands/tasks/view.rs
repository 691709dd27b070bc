//! The printed form of a task.

use eklavya_core::agent::role::Role;
use eklavya_core::money::MicroUsd;
use eklavya_core::task::{Task, TaskState};
use jiff::Timestamp;
use serde::Serialize;

use crate::output::{self, OutputPage, OutputView, TableRow, time};
use crate::screenshots::{ProjectScreenshots, ScreenshotView};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// Identifies the task on the command line.
    key: String,
    kind: &'static str,
    role: Role,
    title: String,
    status: &'static str,
    attempt: u32,
    depends_on: Vec<String>,
    criteria: Vec<String>,
    priority: i64,
    estimate_micro_usd: MicroUsd,
    /// The full id of the agent that does or did the work.
    agent: Option<String>,
    commit: Option<String>,
    /// The question of a blocked task to the admin.
    question: Option<String>,
    /// What the next attempt must do better.
    feedback: Option<String>,
    description: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The screenshots of its agents; only set by [`TaskView::with_pictures`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<Vec<ScreenshotView>>,
}

impl TaskView {
    pub fn of(task: &Task) -> Self {
        Self {
            key: task.key.clone(),
            kind: task.kind.name(),
            role: task.role,
            title: task.title.clone(),
            status: task.state.status(),
            attempt: task.attempt,
            depends_on: task.depends_on.clone(),
            criteria: task.criteria.clone(),
            priority: task.priority,
            estimate_micro_usd: task.estimate,
            agent: task.state.agent().map(|agent| agent.to_string()),
            commit: commit(&task.state),
            question: match &task.state {
                TaskState::Blocked { question, .. } => Some(question.clone()),
                TaskState::Pending
                | TaskState::Running { .. }
                | TaskState::Submitted { .. }
                | TaskState::Done { .. }
                | TaskState::Cancelled { .. } => None,
            },
            feedback: task.feedback.clone(),
            description: task.description.clone(),
            created_at: task.created_at,
            updated_at: task.updated_at,
            pictures: None,
        }
    }

    /// Adds the screenshots of its agents.
    pub fn with_pictures(self, all: &ProjectScreenshots) -> Self {
        let pictures = all.for_subject(&self.key);
        Self {
            pictures: Some(pictures),
            ..self
        }
    }
}

fn commit(state: &TaskState) -> Option<String> {
    match state {
        TaskState::Submitted { commit, .. } | TaskState::Done { commit, .. } => {
            Some(commit.to_string())
        }
        TaskState::Pending
        | TaskState::Running { .. }
        | TaskState::Blocked { .. }
        | TaskState::Cancelled { .. } => None,
    }
}

impl TableRow for TaskView {
    const COLUMNS: &'static [&'static str] =
        &["task", "role", "status", "attempt", "after", "title"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.key.clone(),
            self.role.to_string(),
            output::state_words(self.status),
            self.attempt.to_string(),
            self.depends_on.join(" "),
            self.title.clone(),
        ]
    }
}

impl OutputView for TaskView {
    fn render(&self, page: &mut OutputPage) {
        let mut fields = vec![
            ("Task", self.key.clone()),
            ("Title", self.title.clone()),
            ("Kind", self.kind.to_owned()),
            ("Role", self.role.to_string()),
            ("Status", output::state_words(self.status)),
            ("Attempt", self.attempt.to_string()),
            ("After", self.depends_on.join(" ")),
            ("Criteria", self.criteria.join(" ")),
            ("Estimate", format!("${}", self.estimate_micro_usd)),
            ("Updated", time::format_timestamp(self.updated_at)),
        ];
        let optional = [("Agent", &self.agent), ("Commit", &self.commit)];
        fields.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.clone()?))),
        );
        let pictures = self.pictures.iter().flatten();
        fields.extend(pictures.map(|picture| ("Screenshot", picture.path.clone())));
        page.fields(fields);
        let texts = [
            ("Question", self.question.as_deref()),
            ("Feedback", self.feedback.as_deref()),
            ("Description", Some(self.description.as_str())),
        ];
        for (heading, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                page.section(heading);
                page.text(text);
            }
        }
    }
}
