//! The printed form of a demo.

use eklavya_core::demo::artifact::demo_subject;
use eklavya_core::demo::{Demo, DemoState};
use eklavya_engine::preview::demo;
use jiff::Timestamp;
use serde::Serialize;

use crate::output::{self, OutputPage, OutputView, TableRow, time};
use crate::screenshots::{ProjectScreenshots, ScreenshotView};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoView {
    /// Counts from 1 over all rounds; identifies the demo on the command line.
    number: u32,
    round: u32,
    status: &'static str,
    /// How the demo differs from its rivals.
    direction: String,
    /// The URL of the preview, while it runs.
    preview_url: Option<String>,
    /// Whether the process that serves the preview is running.
    preview_running: bool,
    commit: Option<String>,
    /// Why the demo failed.
    reason: Option<String>,
    /// The feedback of the admin.
    feedback: Option<String>,
    created_at: Timestamp,
    approved_at: Option<Timestamp>,
    /// The screenshots of the demo; only set by [`DemoView::with_pictures`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<Vec<ScreenshotView>>,
}

impl DemoView {
    pub fn of(demo: &Demo) -> Self {
        Self {
            number: demo.number,
            round: demo.round,
            status: demo.state.status(),
            direction: demo.direction.clone(),
            preview_url: demo.preview_url.clone(),
            preview_running: demo::is_running(demo),
            commit: demo.commit.as_ref().map(ToString::to_string),
            reason: match &demo.state {
                DemoState::Failed { reason, .. } => Some(reason.clone()),
                DemoState::Building
                | DemoState::Starting { .. }
                | DemoState::Ready { .. }
                | DemoState::Approved { .. }
                | DemoState::Rejected { .. }
                | DemoState::Superseded { .. } => None,
            },
            feedback: demo.feedback.clone(),
            created_at: demo.created_at,
            approved_at: demo.approved_at,
            pictures: None,
        }
    }

    /// Adds the screenshots of the demo.
    pub fn with_pictures(self, all: &ProjectScreenshots) -> Self {
        let pictures = all.for_subject(&demo_subject(self.number));
        Self {
            pictures: Some(pictures),
            ..self
        }
    }
}

impl TableRow for DemoView {
    const COLUMNS: &'static [&'static str] = &["demo", "round", "status", "direction", "preview"];

    fn cells(&self) -> Vec<String> {
        let preview = self.preview_url.clone().or_else(|| self.reason.clone());
        vec![
            self.number.to_string(),
            self.round.to_string(),
            output::state_words(self.status),
            self.direction.clone(),
            preview.unwrap_or_default(),
        ]
    }
}

impl OutputView for DemoView {
    fn render(&self, page: &mut OutputPage) {
        let mut fields = vec![
            ("Demo", self.number.to_string()),
            ("Round", self.round.to_string()),
            ("Status", output::state_words(self.status)),
            ("Direction", self.direction.clone()),
            ("Created", time::format_timestamp(self.created_at)),
        ];
        let optional = [
            ("Preview", &self.preview_url),
            ("Commit", &self.commit),
            ("Reason", &self.reason),
            ("Feedback", &self.feedback),
        ];
        fields.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.clone()?))),
        );
        let pictures = self.pictures.iter().flatten();
        fields.extend(pictures.map(|picture| ("Screenshot", picture.path.clone())));
        fields.extend(
            self.approved_at
                .map(|at| ("Approved", time::format_timestamp(at))),
        );
        page.fields(fields);
    }
}
