//! The printed form of a screenshot, with the path of its file.

use eklavya_core::demo::artifact::Artifact;
use eklavya_core::project::Project;
use eklavya_core::task::TaskKind;
use eklavya_core::task::subject::TaskSubject;
use eklavya_engine::context::artifacts;
use eklavya_services::{DataStore, artifacts as stored};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScreenshotView {
    /// The path of the PNG file.
    pub path: String,
    width: u32,
    height: u32,
    /// The URL of the page.
    url: String,
    /// The title of the page; set by the product.
    title: String,
    /// The agent that took the screenshot; `None` for screenshots of demos.
    agent: Option<String>,
    taken_at: Timestamp,
}

impl ScreenshotView {
    fn of(invocation: &CommandInvocation, project: &Project, artifact: &Artifact) -> Self {
        let path = artifacts::artifact_path(invocation.home.path.as_std_path(), project, artifact);
        Self {
            path: path.to_string_lossy().into_owned(),
            width: artifact.width,
            height: artifact.height,
            url: artifact.url.clone(),
            title: artifact.title.clone(),
            agent: artifact.agent.map(|agent| agent.to_string()),
            taken_at: artifact.created_at,
        }
    }
}

/// All screenshots of a project, oldest first, each with its subject (a task or demo).
#[derive(Debug)]
pub struct ProjectScreenshots(Vec<(String, ScreenshotView)>);

impl ProjectScreenshots {
    pub async fn read(
        invocation: &CommandInvocation,
        data: &DataStore,
        project: &Project,
    ) -> Result<Self, CommandError> {
        let all = stored::of_project(data, project.id).await?;
        let views = all.iter().map(|artifact| {
            let view = ScreenshotView::of(invocation, project, artifact);
            (artifact.subject.clone(), view)
        });
        Ok(Self(views.collect()))
    }

    /// Returns the screenshots of `subject`.
    pub fn for_subject(&self, subject: &str) -> Vec<ScreenshotView> {
        let own = self.0.iter().filter(|(of, _)| of == subject);
        own.map(|(_, view)| view.clone()).collect()
    }

    /// Returns the screenshots of verifiers, with the keys of their tasks.
    pub fn of_verifiers(&self) -> impl Iterator<Item = &(String, ScreenshotView)> {
        let of_one = |(about, _): &&(String, ScreenshotView)| {
            TaskSubject::read(TaskKind::Verify, about).is_ok()
        };
        self.0.iter().filter(of_one)
    }
}
