//! The dossier: what was asked, decided, done, checked and paid, as JSON and as one page.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::context::error::EngineError;
use eklavya_core::audit::ChainHead;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::{CriterionCheck, PlanDocument};
use eklavya_core::project::Project;
use eklavya_core::project::decision::Decision;
use eklavya_core::task::Task;
use eklavya_core::task::evidence::Evidence;
use eklavya_services::DataStore;
use eklavya_store::{agents, audit, decisions, demos, evidence, tasks};

/// Everything that the dossier tells. Amounts are US dollars as text, moments RFC 3339.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier {
    /// The version of this form.
    pub dossier_version: u32,
    /// The project's name.
    pub name: String,
    /// Its slug.
    pub slug: String,
    /// For whom it was made.
    pub client: String,
    /// Whether a rehearsal answered in place of a model.
    pub rehearsal: bool,
    /// Whether every agent ran in a sandbox.
    pub sandboxed: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When this was written.
    pub delivered_at: Timestamp,
    /// The delivered commit.
    pub commit: CommitId,
    /// Its tag.
    pub tag: String,
    /// The client's words.
    pub brief: String,
    /// The approved plan.
    pub plan: PlanDocument,
    /// What the admin decided, oldest first.
    pub approvals: Vec<DossierDecision>,
    /// The rival demos.
    pub demos: Vec<DossierDemo>,
    /// Every criterion with its evidence.
    pub criteria: Vec<DossierCriterion>,
    /// Pictures of the demos and of what was verified.
    pub pictures: Vec<DossierScreenshot>,
    /// The tasks.
    pub tasks: Vec<DossierTask>,
    /// The commits of main, oldest first, with who made them.
    pub commits: Vec<DossierCommit>,
    /// The whole cost.
    pub cost: String,
    /// The cost by role.
    pub cost_by_role: Vec<DossierCost>,
    /// The cost by task.
    pub cost_by_task: Vec<DossierCost>,
    /// The newest row of the project's audit trail before the delivery: `eklavya audit export` has
    /// this hash at this position for as long as nobody rewrites what came before.
    pub audit: ChainHead,
}

/// A decision of the admin.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierDecision {
    /// `plan 1`, `demo 2`.
    pub subject: String,
    /// `approved`, `rejected` or `retried`.
    pub decision: String,
    /// The admin's words.
    pub feedback: Option<String>,
    /// Who.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

/// A demo.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierDemo {
    /// Its number.
    pub number: u32,
    /// How it differed.
    pub direction: String,
    /// What became of it.
    pub status: String,
    /// What was built.
    pub commit: Option<CommitId>,
    /// What the admin said.
    pub feedback: Option<String>,
}

/// A criterion with its evidence.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierCriterion {
    /// Its id.
    pub id: String,
    /// What must hold.
    pub text: String,
    /// How it was checked.
    pub check: CriterionCheck,
    /// What was found.
    pub evidence: DossierEvidence,
}

/// What was found about a criterion on the delivered commit.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierEvidence {
    /// Whether it holds.
    pub passed: bool,
    /// The commit that was checked.
    pub commit: CommitId,
    /// The role that checked.
    pub role: String,
    /// The agent that checked.
    pub agent: String,
    /// The command that was run.
    pub command: Option<String>,
    /// How it ended.
    pub exit: Option<String>,
    /// What it printed, shortened.
    pub output: String,
    /// The checker's words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A picture of a page.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierScreenshot {
    /// `demo 2`, or the key of the task whose agent took it.
    pub subject: String,
    /// The file, relative to this document.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The address of the page that it shows.
    pub url: String,
    /// The title of that page.
    pub title: String,
    /// When it was taken.
    pub at: Timestamp,
}

/// A task.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierTask {
    /// Its key.
    pub key: String,
    /// A line about it.
    pub title: String,
    /// Who did it.
    pub role: String,
    /// What became of it.
    pub status: String,
    /// How many attempts it took.
    pub attempts: u32,
    /// How many agents worked on it.
    pub agents: usize,
}

/// A commit of main.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierCommit {
    /// Its id.
    pub id: CommitId,
    /// Who made it.
    pub author: String,
    /// Its first line.
    pub subject: String,
    /// When, RFC 3339.
    pub at: String,
}

/// A share of the cost.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierCost {
    /// The role or the task.
    pub name: String,
    /// How many requests.
    pub requests: u64,
    /// US dollars.
    pub cost: String,
}

/// What only the delivery knows.
#[derive(Debug, Clone)]
pub struct DeliveryFacts {
    /// The commit.
    pub commit: CommitId,
    /// Its tag.
    pub tag: String,
    /// The round of verification whose evidence counts.
    pub round: u32,
    /// The commits of main.
    pub commits: Vec<DossierCommit>,
    /// The pictures whose files lie beside it.
    pub pictures: Vec<DossierScreenshot>,
    /// The costs: all, by role, by task.
    pub costs: (String, Vec<DossierCost>, Vec<DossierCost>),
}

/// Gathers the dossier of a project.
///
/// # Errors
/// [`WorkflowError::Failed`] where a criterion has no evidence on the delivered commit.
pub async fn gather_dossier(
    data: &DataStore,
    project: &Project,
    plan: PlanDocument,
    delivered: DeliveryFacts,
) -> Result<Dossier, EngineError> {
    let mut tx = data.begin_read().await?;
    let found = evidence::of_project(&mut tx, project.id).await?;
    let criteria = dossier_criteria(&plan, &found, &delivered)?;
    let all_tasks = tasks::of_project(&mut tx, project.id).await?;
    let all_agents = agents::of_project(&mut tx, project.id).await?;
    let all_demos = demos::of_project(&mut tx, project.id).await?;
    let all_decisions = decisions::of_project(&mut tx, project.id).await?;
    let audit = audit::head_of_project(&mut tx, Some(project.id)).await?;
    let (cost, cost_by_role, cost_by_task) = delivered.costs;
    Ok(Dossier {
        dossier_version: 1,
        name: project.name.clone(),
        slug: project.slug.clone(),
        client: project.client.clone(),
        rehearsal: project.rehearsal.is_some() || all_agents.iter().any(|a| a.rehearsal),
        sandboxed: project.sandboxed && all_agents.iter().all(|agent| agent.sandboxed),
        created_at: project.created_at,
        delivered_at: data.now(),
        commit: delivered.commit,
        tag: delivered.tag,
        brief: project.brief.clone(),
        plan,
        approvals: all_decisions.into_iter().map(dossier_decision).collect(),
        demos: all_demos
            .into_iter()
            .map(|demo| DossierDemo {
                number: demo.number,
                status: demo.state.status().to_owned(),
                direction: demo.direction,
                commit: demo.commit,
                feedback: demo.feedback,
            })
            .collect(),
        criteria,
        pictures: delivered.pictures,
        tasks: all_tasks
            .iter()
            .map(|task| {
                dossier_task(
                    task,
                    all_agents
                        .iter()
                        .filter(|agent| agent.task == task.id)
                        .count(),
                )
            })
            .collect(),
        commits: delivered.commits,
        cost,
        cost_by_role,
        cost_by_task,
        audit: audit.unwrap_or_else(|| ChainHead::of_empty(project.id.0)),
    })
}

fn dossier_criteria(
    plan: &PlanDocument,
    found: &[Evidence],
    delivered: &DeliveryFacts,
) -> Result<Vec<DossierCriterion>, EngineError> {
    plan.criteria
        .iter()
        .map(|criterion| {
            let evidence = found
                .iter()
                .find(|e| {
                    e.criterion == criterion.id
                        && e.round == delivered.round
                        && e.commit == delivered.commit
                        && e.passed
                })
                .ok_or_else(|| {
                    EngineError::Failed(format!(
                        "criterion {} has no passing evidence on the commit to deliver",
                        criterion.id
                    ))
                })?;
            Ok(DossierCriterion {
                id: criterion.id.clone(),
                text: criterion.text.clone(),
                check: criterion.check.clone(),
                evidence: dossier_evidence(evidence),
            })
        })
        .collect()
}

fn dossier_evidence(evidence: &Evidence) -> DossierEvidence {
    DossierEvidence {
        passed: evidence.passed,
        commit: evidence.commit.clone(),
        role: evidence.role.to_string(),
        agent: evidence.agent.short(),
        command: evidence.command.clone(),
        exit: evidence.exit.clone(),
        output: evidence.output.clone(),
        reason: evidence.reason.clone(),
        at: evidence.created_at,
    }
}

fn dossier_decision(decision: Decision) -> DossierDecision {
    DossierDecision {
        subject: decision.subject,
        decision: decision.decision,
        feedback: decision.feedback,
        decided_by: decision.decided_by,
        decided_at: decision.decided_at,
    }
}

fn dossier_task(task: &Task, agents: usize) -> DossierTask {
    DossierTask {
        key: task.key.clone(),
        title: task.title.clone(),
        role: task.role.to_string(),
        status: task.state.status().to_owned(),
        attempts: task.attempt,
        agents,
    }
}

/// The page: self-contained, without scripts; every value is escaped.
const PAGE: &str = include_str!("../../../../templates/reports/dossier.html");

/// Renders the dossier as one self-contained HTML page. `images` are the pictures to be part of it,
/// in base64 by their digests.
pub fn render_page(
    dossier: &Dossier,
    images: &BTreeMap<String, String>,
) -> Result<String, EngineError> {
    let wrong =
        |error: minijinja::Error| EngineError::Failed(format!("the dossier's page: {error:#}"));
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment
        .add_template("dossier.html", PAGE)
        .map_err(wrong)?;
    let page = environment.get_template("dossier.html").map_err(wrong)?;
    let dossier = minijinja::Value::from(minijinja::value::Serde(dossier));
    let images = minijinja::Value::from(minijinja::value::Serde(images));
    page.render(minijinja::context! { images, ..dossier })
        .map_err(wrong)
}
