//! The printed form of a job.

use eklavya_core::exit_code;
use eklavya_core::job::{Job, JobGoal, JobState};
use eklavya_services::{DataStore, projects};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::output::{self, OutputPage, OutputView, TableRow, time};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// The full id; the command line also accepts a unique prefix.
    id: String,
    project: String,
    goal: JobGoal,
    status: &'static str,
    priority: u32,
    requested_by: String,
    /// The worker that runs the job.
    worker: Option<String>,
    /// How many times a worker took the job.
    attempt: u32,
    /// Why the job failed or was requeued, or the question that the admin must decide.
    outcome: Option<String>,
    /// The exit code that the command would have had in the foreground.
    exit_code: Option<u8>,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl JobView {
    pub fn of(job: &Job, slug: &str) -> Self {
        let (outcome, exit_code) = outcome_fields(&job.state);
        Self {
            id: job.id.to_string(),
            project: slug.to_owned(),
            goal: job.goal,
            status: job.state.status(),
            priority: job.priority.get(),
            requested_by: job.requested_by.clone(),
            worker: job.state.worker().map(|(worker, _)| worker.to_owned()),
            attempt: job.attempt,
            outcome,
            exit_code,
            created_at: job.created_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
        }
    }

    pub async fn of_all(data: &DataStore, jobs: &[Job]) -> Result<Vec<Self>, CommandError> {
        let slugs = match jobs {
            [] => return Ok(Vec::new()),
            _ => projects::slugs(data).await?,
        };
        let slug = |job: &Job| slugs.get(&job.project).map_or("", String::as_str);
        Ok(jobs.iter().map(|job| Self::of(job, slug(job))).collect())
    }
}

fn outcome_fields(state: &JobState) -> (Option<String>, Option<u8>) {
    match state {
        JobState::Queued { reason, .. } => (reason.clone(), None),
        JobState::Running { .. } | JobState::Cancelling { .. } | JobState::Cancelled { .. } => {
            (None, None)
        }
        JobState::Done { .. } => (None, Some(exit_code::DONE)),
        JobState::Failed {
            reason, exit_code, ..
        } => (Some(reason.clone()), Some(*exit_code)),
        JobState::NeedsDecision { question, .. } => {
            (Some(question.clone()), Some(exit_code::NEEDS_DECISION))
        }
    }
}

impl TableRow for JobView {
    const COLUMNS: &'static [&'static str] = &[
        "job",
        "project",
        "goal",
        "status",
        "priority",
        "attempt",
        "requested",
        "worker",
        "outcome",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.chars().take(8).collect(),
            self.project.clone(),
            self.goal.to_string(),
            output::state_words(self.status),
            self.priority.to_string(),
            self.attempt.to_string(),
            time::format_timestamp(self.created_at),
            self.worker.clone().unwrap_or_default(),
            self.outcome.clone().unwrap_or_default(),
        ]
    }
}

impl OutputView for JobView {
    fn render(&self, page: &mut OutputPage) {
        let mut fields = vec![
            ("Job", self.id.clone()),
            ("Project", self.project.clone()),
            ("Goal", self.goal.to_string()),
            ("Status", output::state_words(self.status)),
            ("Priority", self.priority.to_string()),
            ("Requested by", self.requested_by.clone()),
            ("Requested", time::format_timestamp(self.created_at)),
            ("Attempt", self.attempt.to_string()),
        ];
        fields.extend(self.worker.clone().map(|worker| ("Worker", worker)));
        fields.extend(
            self.started_at
                .map(|at| ("Started", time::format_timestamp(at))),
        );
        fields.extend(
            self.ended_at
                .map(|at| ("Ended", time::format_timestamp(at))),
        );
        fields.extend(self.outcome.clone().map(|text| ("Outcome", text)));
        fields.extend(self.exit_code.map(|code| ("Exit code", code.to_string())));
        page.fields(fields);
    }
}
