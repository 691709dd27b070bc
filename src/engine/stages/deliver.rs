//! The delivery stage: a tag, a bundle and the dossier.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::verify;
use crate::context::error::EngineError;
use crate::context::files::write_whole;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::stages::delivery::dossier::{self, DeliveryFacts, Dossier, DossierCommit, DossierCost};
use crate::stages::delivery::leaks;
use crate::stages::delivery::screenshots;
use eklavya_core::audit::AuditActor;
use eklavya_core::digest::sha256_of_reader;
use eklavya_core::ids::ProjectId;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::project::delivery::Delivery;
use eklavya_core::project::{Project, ProjectEvent, ProjectStage, ProjectState};
use eklavya_git::ProjectRepository;
use eklavya_services::{DataStore, cost_report, deliveries, plans, projects};

/// The most commits that the dossier lists.
const MAX_COMMITS: usize = 10_000;
/// The tag of a delivery.
const TAG: &str = "v1.0.0";

/// Delivers a verified project.
pub(crate) async fn run(run: Arc<ProjectRun>) -> Result<Project, EngineError> {
    let mut project = run.reload_project().await?;
    if project.state.stage() == Some(ProjectStage::Verified) {
        let start = ProjectEvent::StartDelivery;
        project = projects::advance(&run.site.data, &AuditActor::System, &project, start).await?;
    }
    // An earlier worker may have died after it recorded the delivery.
    if matches!(project.state, ProjectState::Delivered { .. }) {
        return Ok(project);
    }
    if project.state.stage() != Some(ProjectStage::Delivering) {
        let needed = "delivery starts after every criterion is verified";
        return Err(EngineError::wrong_stage(&project, needed));
    }
    let delivery = make_delivery(&run.site, &project).await?;
    Ok(deliveries::record(&run.site.data, &project, &delivery).await?)
}

/// Writes every file again: the files of an interrupted delivery are not used.
async fn make_delivery(site: &Site, project: &Project) -> Result<Delivery, EngineError> {
    let directory = site.paths.delivery();
    std::fs::create_dir_all(&directory).map_err(EngineError::io(&directory))?;
    let commit = site.main_commit().await?;
    leaks::refuse_leaks(site, &commit).await?;
    let bundle = directory.join(format!("{}.bundle", project.slug));
    tag_and_bundle(site, project, &commit, &bundle).await?;
    let (json, html) = write_dossier(site, project, &directory, &commit).await?;
    Ok(Delivery {
        project: project.id,
        commit,
        tag: TAG.to_owned(),
        bundle_sha256: file_sha256(&bundle)?,
        bundle: path_text(&bundle),
        dossier_json: path_text(&json),
        dossier_html: path_text(&html),
        created_at: site.data.now(),
    })
}

async fn tag_and_bundle(
    site: &Site,
    project: &Project,
    commit: &CommitId,
    bundle: &Path,
) -> Result<(), EngineError> {
    let repository = &site.repository;
    let message = format!("{} for {}", project.name, project.client);
    repository
        .create_tag(TAG, commit, &site.signature(), &message)
        .await?;
    site.ensure_lease_held().await?;
    let refs = ["refs/heads/main", &format!("refs/tags/{TAG}")];
    repository.write_bundle(bundle, &refs).await?;
    Ok(())
}

async fn write_dossier(
    site: &Site,
    project: &Project,
    directory: &Path,
    commit: &CommitId,
) -> Result<(PathBuf, PathBuf), EngineError> {
    let (data, id) = (&site.data, project.id);
    let plan = plans::approved_document(data, project).await?;
    let round = verify::current_round(data, id).await?;
    let pictures = screenshots::copy_screenshots(data, id, &site.paths, round, directory).await?;
    let facts = DeliveryFacts {
        commit: commit.clone(),
        tag: TAG.to_owned(),
        round,
        pictures: pictures.entries,
        commits: list_commits(&site.repository, commit).await?,
        costs: summarize_costs(data, id).await?,
    };
    let dossier = dossier::gather_dossier(data, project, plan, facts).await?;
    write_documents(&dossier, &pictures.images, directory)
}

/// Returns the files: JSON and HTML.
fn write_documents(
    dossier: &Dossier,
    images: &BTreeMap<String, String>,
    directory: &Path,
) -> Result<(PathBuf, PathBuf), EngineError> {
    let document = serde_json::to_vec_pretty(dossier)
        .map_err(|error| EngineError::Failed(format!("the dossier: {error}")))?;
    let json = directory.join("dossier.json");
    write_whole(&json, &document)?;
    let page = dossier::render_page(dossier, images)?;
    let html = directory.join("dossier.html");
    write_whole(&html, page.as_bytes())?;
    Ok((json, html))
}

async fn list_commits(
    repository: &ProjectRepository,
    commit: &CommitId,
) -> Result<Vec<DossierCommit>, EngineError> {
    let log = repository.log(None, commit, MAX_COMMITS).await?;
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
    data: &DataStore,
    project: ProjectId,
) -> Result<(String, Vec<DossierCost>, Vec<DossierCost>), EngineError> {
    let report = cost_report::build_report(data, project).await?;
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
