//! Delivery: a tag, a bundle and the dossier.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::verify;
use crate::context::error::EngineError;
use crate::context::files::write_whole;
use crate::context::project_run::ProjectRun;
use crate::stages::delivery::dossier::{self, DeliveryFacts, DossierCommit, DossierCost};
use crate::stages::delivery::leaks;
use crate::stages::delivery::screenshots;
use eklavya_core::audit::AuditActor;
use eklavya_core::digest::sha256_of_reader;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::project::delivery::Delivery;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage, ProjectState};
use eklavya_services::{cost_report, deliveries, plans, projects};

/// The most commits that the dossier lists.
const MAX_COMMITS: usize = 10_000;
/// The tag of a delivery.
const TAG: &str = "v1.0.0";

/// Delivers a verified project.
pub async fn run(worker: Arc<ProjectRun>) -> Result<Project, EngineError> {
    let mut project = worker.reload_project().await?;
    if project.state.stage() == Some(ProjectStage::Verified) {
        let start = ProjectEvent::StartDelivery;
        project =
            projects::advance(&worker.site.data, &AuditActor::System, &project, start).await?;
    }
    // Whoever recorded it may have died before anybody heard of it.
    if matches!(project.state, ProjectState::Delivered { .. }) {
        return Ok(project);
    }
    if project.state.stage() != Some(ProjectStage::Delivering) {
        let needed = "delivery begins once every criterion is verified";
        return Err(EngineError::wrong_stage(&project, needed));
    }
    let delivery = make_delivery(&worker, &project).await?;
    Ok(deliveries::record(&worker.site.data, &project, &delivery).await?)
}

/// Makes every file anew: a delivery that was cut off leaves nothing that counts.
async fn make_delivery(worker: &ProjectRun, project: &Project) -> Result<Delivery, EngineError> {
    let directory = worker.site.paths.delivery();
    std::fs::create_dir_all(&directory).map_err(EngineError::io(&directory))?;
    let commit = worker.site.main_commit().await?;
    leaks::refuse_leaks(&worker.site, &commit).await?;
    let message = format!("{} for {}", project.name, project.client);
    worker
        .site
        .repository
        .create_tag(TAG, &commit, &worker.site.signature(), &message)
        .await?;
    worker.site.ensure_lease_held().await?;
    let bundle = directory.join(format!("{}.bundle", project.slug));
    worker
        .site
        .repository
        .write_bundle(&bundle, &["refs/heads/main", &format!("refs/tags/{TAG}")])
        .await?;
    let (json, html) = write_dossier(worker, project, &directory, &commit).await?;
    Ok(Delivery {
        project: project.id,
        commit,
        tag: TAG.to_owned(),
        bundle_sha256: file_sha256(&bundle)?,
        bundle: path_text(&bundle),
        dossier_json: path_text(&json),
        dossier_html: path_text(&html),
        created_at: worker.site.data.now(),
    })
}

async fn write_dossier(
    worker: &ProjectRun,
    project: &Project,
    directory: &Path,
    commit: &CommitId,
) -> Result<(PathBuf, PathBuf), EngineError> {
    let plan = plans::approved_document(&worker.site.data, project).await?;
    let round = verify::current_round(worker).await?;
    let gallery = screenshots::copy_screenshots(&worker.site, round, directory).await?;
    let delivered = DeliveryFacts {
        commit: commit.clone(),
        tag: TAG.to_owned(),
        round,
        pictures: gallery.entries,
        commits: list_commits(worker, commit).await?,
        costs: summarize_costs(worker, project).await?,
    };
    let dossier = dossier::gather_dossier(&worker.site.data, project, plan, delivered).await?;
    let document = serde_json::to_vec_pretty(&dossier)
        .map_err(|error| EngineError::Failed(format!("the dossier: {error}")))?;
    let (json, html) = (
        directory.join("dossier.json"),
        directory.join("dossier.html"),
    );
    write_whole(&json, &document)?;
    write_whole(
        &html,
        dossier::render_page(&dossier, &gallery.images)?.as_bytes(),
    )?;
    Ok((json, html))
}

async fn list_commits(
    worker: &ProjectRun,
    commit: &CommitId,
) -> Result<Vec<DossierCommit>, EngineError> {
    let log = worker
        .site
        .repository
        .log(None, commit, MAX_COMMITS)
        .await?;
    Ok(log
        .into_iter()
        .rev()
        .map(|info| DossierCommit {
            id: info.id,
            author: info.author,
            subject: info.subject,
            at: info.at.to_string(),
        })
        .collect())
}

async fn summarize_costs(
    worker: &ProjectRun,
    project: &Project,
) -> Result<(String, Vec<DossierCost>, Vec<DossierCost>), EngineError> {
    let report = cost_report::build_report(&worker.site.data, project.id).await?;
    let lines = |rows: &[cost_report::CostGroup]| {
        rows.iter()
            .map(|row| DossierCost {
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

fn file_sha256(path: &Path) -> Result<String, EngineError> {
    let file = std::fs::File::open(path).map_err(EngineError::io(path))?;
    sha256_of_reader(file).map_err(EngineError::io(path))
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
