//! The dossier: the brief, the decisions, the work, the evidence and the cost, as JSON and as a page.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::context::error::EngineError;
use eklavya_core::agent::Agent;
use eklavya_core::audit::ChainHead;
use eklavya_core::demo::Demo;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::{CriterionCheck, PlanDocument};
use eklavya_core::project::Project;
use eklavya_core::project::decision::Decision;
use eklavya_core::task::Task;
use eklavya_core::task::evidence::Evidence;
use eklavya_services::DataStore;
use eklavya_store::{agents, audit, decisions, demos, evidence, tasks};

/// Amounts are US dollars as text, times RFC 3339.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dossier {
    #[serde(rename = "dossierVersion")]
    pub version: u32,
    pub name: String,
    pub slug: String,
    pub client: String,
    /// Whether a rehearsal answered instead of a model.
    pub rehearsal: bool,
    pub sandboxed: bool,
    pub created_at: Timestamp,
    pub delivered_at: Timestamp,
    pub commit: CommitId,
    pub tag: String,
    /// As the client wrote it.
    pub brief: String,
    pub plan: PlanDocument,
    /// The decisions of the admin, oldest first.
    pub approvals: Vec<DossierDecision>,
    pub demos: Vec<DossierDemo>,
    pub criteria: Vec<DossierCriterion>,
    /// Pictures of the demos and of the verification.
    pub pictures: Vec<DossierScreenshot>,
    pub tasks: Vec<DossierTask>,
    /// The commits of main, oldest first.
    pub commits: Vec<DossierCommit>,
    pub cost: String,
    pub cost_by_role: Vec<DossierCost>,
    pub cost_by_task: Vec<DossierCost>,
    /// The newest entry of the project's audit trail before the delivery: `eklavya audit export` has
    /// this hash at this position unless an earlier entry was changed.
    pub audit: ChainHead,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierDecision {
    /// `plan 1`, `demo 2`.
    pub subject: String,
    /// `approved`, `rejected` or `retried`.
    pub decision: String,
    pub feedback: Option<String>,
    pub decided_by: String,
    pub decided_at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierDemo {
    pub number: u32,
    pub direction: String,
    pub status: String,
    pub commit: Option<CommitId>,
    pub feedback: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierCriterion {
    pub id: String,
    pub text: String,
    pub check: CriterionCheck,
    pub evidence: DossierEvidence,
}

/// The evidence about a criterion on the delivered commit.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierEvidence {
    pub passed: bool,
    pub commit: CommitId,
    pub role: String,
    pub agent: String,
    pub command: Option<String>,
    pub exit: Option<String>,
    /// Shortened.
    pub output: String,
    pub reason: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierScreenshot {
    /// `demo 2`, or the key of the task whose agent took it.
    pub subject: String,
    /// The file, relative to this document.
    pub file: String,
    pub sha256: String,
    pub width: u32,
    pub height: u32,
    pub url: String,
    pub title: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierTask {
    pub key: String,
    pub title: String,
    pub role: String,
    pub status: String,
    pub attempts: u32,
    pub agents: usize,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierCommit {
    pub id: CommitId,
    pub author: String,
    pub subject: String,
    pub at: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DossierCost {
    pub name: String,
    pub requests: u64,
    pub cost: String,
}

/// The facts that only the delivery stage has.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryFacts {
    pub commit: CommitId,
    pub tag: String,
    /// The last round of verification: its evidence counts.
    pub round: u32,
    pub commits: Vec<DossierCommit>,
    /// The pictures whose files are beside the dossier.
    pub pictures: Vec<DossierScreenshot>,
    /// The costs: in total, by role, by task.
    pub costs: (String, Vec<DossierCost>, Vec<DossierCost>),
}

/// Gathers the dossier of a project.
///
/// # Errors
/// [`EngineError::Failed`] if a criterion has no passing evidence on the delivered commit.
pub(crate) async fn gather_dossier(
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
        version: 1,
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
        demos: all_demos.into_iter().map(dossier_demo).collect(),
        criteria,
        pictures: delivered.pictures,
        tasks: dossier_tasks(&all_tasks, &all_agents),
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
            let evidence = find_passing_evidence(&criterion.id, found, delivered)?;
            Ok(DossierCriterion {
                id: criterion.id.clone(),
                text: criterion.text.clone(),
                check: criterion.check.clone(),
                evidence: dossier_evidence(evidence),
            })
        })
        .collect()
}

fn find_passing_evidence<'a>(
    criterion: &str,
    found: &'a [Evidence],
    delivered: &DeliveryFacts,
) -> Result<&'a Evidence, EngineError> {
    let proves = |e: &&Evidence| {
        e.criterion == criterion
            && e.round == delivered.round
            && e.commit == delivered.commit
            && e.passed
    };
    found.iter().find(proves).ok_or_else(|| {
        EngineError::Failed(format!(
            "criterion {criterion} has no passing evidence on the commit to deliver"
        ))
    })
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

fn dossier_demo(demo: Demo) -> DossierDemo {
    DossierDemo {
        number: demo.number,
        status: demo.state.status().to_owned(),
        direction: demo.direction,
        commit: demo.commit,
        feedback: demo.feedback,
    }
}

fn dossier_tasks(tasks: &[Task], agents: &[Agent]) -> Vec<DossierTask> {
    let count_agents = |task: &Task| agents.iter().filter(|agent| agent.task == task.id).count();
    tasks
        .iter()
        .map(|task| dossier_task(task, count_agents(task)))
        .collect()
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

/// Renders the dossier as one self-contained HTML page. `images` are the pictures inside the page,
/// in base64 by their digests.
pub(crate) fn render_page(
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
