//! Delivery: a tag, a bundle and the dossier.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::verify;
use crate::dossier::{self, CommitLine, CostLine, Delivered};
use crate::error::WorkflowError;
use crate::files::write_whole;
use crate::gallery;
use crate::leaks;
use crate::worker::Worker;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::delivery::Delivery;
use eklavya_core::domain::project::{Project, ProjectEvent, ProjectState, Stage};
use eklavya_services::{cost_report, deliveries, plans, projects};

/// The most commits that the dossier lists.
const MAX_COMMITS: usize = 10_000;
/// The tag of a delivery.
const TAG: &str = "v1.0.0";

/// Delivers a verified project.
pub async fn run(worker: Arc<Worker>) -> Result<Project, WorkflowError> {
    let mut project = worker.project().await?;
    if project.state.stage() == Some(Stage::Verified) {
        let start = ProjectEvent::StartDelivery;
        project = projects::advance(&worker.site.desk, &Actor::System, &project, start).await?;
    }
    // Whoever recorded it may have died before anybody heard of it.
    if matches!(project.state, ProjectState::Delivered { .. }) {
        return Ok(project);
    }
    if project.state.stage() != Some(Stage::Delivering) {
        let needed = "delivery begins once every criterion is verified";
        return Err(WorkflowError::wrong_stage(&project, needed));
    }
    let delivery = make(&worker, &project).await?;
    Ok(deliveries::record(&worker.site.desk, &project, &delivery).await?)
}

/// Makes every file anew: a delivery that was cut off leaves nothing that counts.
async fn make(worker: &Worker, project: &Project) -> Result<Delivery, WorkflowError> {
    let directory = worker.site.paths.delivery();
    std::fs::create_dir_all(&directory).map_err(WorkflowError::io(&directory))?;
    let commit = worker.site.main().await?;
    leaks::refuse(&worker.site, &commit).await?;
    let message = format!("{} for {}", project.name, project.client);
    worker
        .site
        .repository
        .tag(TAG, &commit, &worker.site.signature(), &message)
        .await?;
    worker.site.firm().await?;
    let bundle = directory.join(format!("{}.bundle", project.slug));
    worker
        .site
        .repository
        .bundle(&bundle, &["refs/heads/main", &format!("refs/tags/{TAG}")])
        .await?;
    let (json, html) = write_dossier(worker, project, &directory, &commit).await?;
    Ok(Delivery {
        project: project.id,
        commit,
        tag: TAG.to_owned(),
        bundle_sha256: sha256(&bundle)?,
        bundle: text(&bundle),
        dossier_json: text(&json),
        dossier_html: text(&html),
        created_at: worker.site.desk.now(),
    })
}

async fn write_dossier(
    worker: &Worker,
    project: &Project,
    directory: &Path,
    commit: &CommitId,
) -> Result<(PathBuf, PathBuf), WorkflowError> {
    let plan = plans::approved(&worker.site.desk, project).await?;
    let round = verify::round(worker).await?;
    let gallery = gallery::hang(&worker.site, round, directory).await?;
    let delivered = Delivered {
        commit: commit.clone(),
        tag: TAG.to_owned(),
        round,
        pictures: gallery.lines,
        commits: commits(worker, commit).await?,
        costs: costs(worker, project).await?,
    };
    let dossier = dossier::gather(&worker.site.desk, project, plan, delivered).await?;
    let document = serde_json::to_vec_pretty(&dossier)
        .map_err(|error| WorkflowError::Failed(format!("the dossier: {error}")))?;
    let (json, html) = (
        directory.join("dossier.json"),
        directory.join("dossier.html"),
    );
    write_whole(&json, &document)?;
    write_whole(
        &html,
        dossier::render(&dossier, &gallery.images)?.as_bytes(),
    )?;
    Ok((json, html))
}

async fn commits(worker: &Worker, commit: &CommitId) -> Result<Vec<CommitLine>, WorkflowError> {
    let log = worker
        .site
        .repository
        .log(None, commit, MAX_COMMITS)
        .await?;
    Ok(log
        .into_iter()
        .rev()
        .map(|info| CommitLine {
            id: info.id,
            author: info.author,
            subject: info.subject,
            at: info.at.to_string(),
        })
        .collect())
}

async fn costs(
    worker: &Worker,
    project: &Project,
) -> Result<(String, Vec<CostLine>, Vec<CostLine>), WorkflowError> {
    let report = cost_report::report(&worker.site.desk, project.id).await?;
    let lines = |rows: &[cost_report::CostLine]| {
        rows.iter()
            .map(|row| CostLine {
                name: row.name.clone(),
                requests: row.requests,
                cost: row.spent.to_string(),
            })
            .collect()
    };
    Ok((
        report.total.spent.to_string(),
        lines(&report.by_role),
        lines(&report.by_task),
    ))
}

fn sha256(path: &Path) -> Result<String, WorkflowError> {
    let mut file = std::fs::File::open(path).map_err(WorkflowError::io(path))?;
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match std::io::Read::read(&mut file, &mut chunk).map_err(WorkflowError::io(path))? {
            0 => break,
            count => hasher.update(&chunk[..count]),
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
