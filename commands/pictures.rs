//! Pictures as they are listed, with the files to look at.

use eklavya_core::domain::artifact::Artifact;
use eklavya_core::domain::project::Project;
use eklavya_engine::artifacts;
use eklavya_services::{Desk, artifacts as kept};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// A picture of a page.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictureView {
    /// The PNG file.
    pub path: String,
    width: u32,
    height: u32,
    /// The address of the page.
    url: String,
    /// Its title, in its own words.
    title: String,
    /// The agent that took it; nobody for those of demos.
    agent: Option<String>,
    taken_at: Timestamp,
}

impl PictureView {
    fn of(invocation: &Invocation, project: &Project, artifact: &Artifact) -> Self {
        let path = artifacts::path(invocation.home.path.as_std_path(), project, artifact);
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

/// All pictures of a project, oldest first, each with what it is about.
#[derive(Debug)]
pub struct Pictures(Vec<(String, PictureView)>);

impl Pictures {
    /// Reads what is noted about them.
    pub async fn read(
        invocation: &Invocation,
        desk: &Desk,
        project: &Project,
    ) -> Result<Self, CommandError> {
        let all = kept::of_project(desk, project.id).await?;
        let views = all.iter().map(|artifact| {
            let view = PictureView::of(invocation, project, artifact);
            (artifact.subject.clone(), view)
        });
        Ok(Self(views.collect()))
    }

    /// Returns those about `subject`.
    pub fn about(&self, subject: &str) -> Vec<PictureView> {
        let own = self.0.iter().filter(|(about, _)| about == subject);
        own.map(|(_, view)| view.clone()).collect()
    }

    /// Returns those of verifiers, with their tasks.
    pub fn of_verifiers(&self) -> impl Iterator<Item = &(String, PictureView)> {
        let of_one = |(about, _): &&(String, PictureView)| about.starts_with("verify-");
        self.0.iter().filter(of_one)
    }
}
