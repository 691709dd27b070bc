//! The printed form of a project.

use eklavya_core::ledger::Budget;
use eklavya_core::money::MicroUsd;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_core::project::priority::ProjectPriority;
use eklavya_core::project::{Project, ProjectStage, ProjectState, ProjectSummary};
use jiff::Timestamp;
use serde::Serialize;

use crate::budget::format_dollars;
use crate::next_step;
use crate::output::{self, OutputPage, OutputView, TableRow, time};

/// A project in a list, or as the result of a change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSummaryView {
    slug: String,
    name: String,
    client: String,
    status: &'static str,
    /// In percent.
    progress: u32,
    /// Whether the project waits for a decision of the admin.
    needs_decision: bool,
    /// The rehearsal that answers instead of a model.
    rehearsal: Option<String>,
    /// Whether its agents have always run in a sandbox.
    sandboxed: bool,
    /// The isolation backend, if it is not that of the configuration.
    isolation: Option<IsolationKind>,
    /// From 1 to 9; the share of the project if agents are scarce.
    priority: ProjectPriority,
    /// The limit, in micro-dollars.
    budget_micro_usd: Option<MicroUsd>,
    spent_micro_usd: MicroUsd,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ProjectSummaryView {
    pub fn of(project: &Project, budget: &Budget, priority: ProjectPriority) -> Self {
        Self {
            slug: project.slug.clone(),
            name: project.name.clone(),
            client: project.client.clone(),
            status: project.state.status(),
            progress: project.progress,
            needs_decision: next_step::needs_decision(&project.state),
            rehearsal: project.rehearsal.clone(),
            sandboxed: project.sandboxed,
            isolation: project.isolation,
            priority,
            budget_micro_usd: budget.limit,
            spent_micro_usd: budget.spent,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }

    /// Returns what people must not overlook: a rehearsal, agents without a sandbox, or an isolation
    /// backend of its own.
    fn notes(&self) -> String {
        let rehearsal = self.rehearsal.as_ref().map(|_| "rehearsal");
        let open = (!self.sandboxed).then_some("NO SANDBOX");
        let isolation = self.isolation.map(IsolationKind::name);
        let notes: Vec<&str> = rehearsal.into_iter().chain(open).chain(isolation).collect();
        notes.join(", ")
    }
}

impl TableRow for ProjectSummaryView {
    const COLUMNS: &'static [&'static str] = &[
        "slug", "client", "status", "progress", "spent", "budget", "notes",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.slug.clone(),
            self.client.clone(),
            output::state_words(self.status),
            format!("{}%", self.progress),
            format_dollars(self.spent_micro_usd),
            self.budget_micro_usd
                .map(format_dollars)
                .unwrap_or_default(),
            self.notes(),
        ]
    }
}

impl From<ProjectSummary> for ProjectSummaryView {
    fn from(project: ProjectSummary) -> Self {
        Self {
            status: project.state.status(),
            needs_decision: next_step::needs_decision(&project.state),
            slug: project.slug,
            name: project.name,
            client: project.client,
            progress: project.progress,
            rehearsal: project.rehearsal,
            sandboxed: project.sandboxed,
            isolation: project.isolation,
            priority: project.priority,
            budget_micro_usd: project.limit,
            spent_micro_usd: project.spent,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

/// A project with its brief, decisions and delivery.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    #[serde(flatten)]
    line: ProjectSummaryView,
    /// The current stage, or the stage that the project would resume.
    stage: Option<&'static str>,
    brief: String,
    /// Oldest first.
    decisions: Vec<DecisionView>,
    delivery: Option<DeliveryView>,
    /// The command for the next step.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionView {
    /// `plan 1`, `demo 2`, `task T3`.
    pub subject: String,
    pub decision: String,
    pub feedback: Option<String>,
    pub decided_by: String,
    pub decided_at: Timestamp,
}

/// The delivery and the paths of its files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    pub commit: String,
    pub tag: String,
    pub bundle: String,
    pub bundle_sha256: String,
    pub dossier_json: String,
    pub dossier_html: String,
    pub created_at: Timestamp,
}

impl ProjectView {
    pub fn new(
        project: &Project,
        budget: &Budget,
        priority: ProjectPriority,
        decisions: Vec<DecisionView>,
        delivery: Option<DeliveryView>,
    ) -> Self {
        Self {
            line: ProjectSummaryView::of(project, budget, priority),
            stage: stage(&project.state),
            brief: project.brief.clone(),
            decisions,
            delivery,
            next: next_step::next_command(project),
        }
    }
}

fn stage(state: &ProjectState) -> Option<&'static str> {
    match state {
        ProjectState::Active { stage } | ProjectState::Paused { stage, .. } => Some(stage.name()),
        ProjectState::Archived { stage, .. } => stage.map(ProjectStage::name),
        ProjectState::Delivered { .. } => None,
    }
}

impl OutputView for ProjectView {
    fn render(&self, page: &mut OutputPage) {
        let line = &self.line;
        let mut fields = vec![
            ("Project", line.slug.clone()),
            ("Name", line.name.clone()),
            ("Client", line.client.clone()),
            ("Status", output::state_words(line.status)),
            ("Progress", format!("{}%", line.progress)),
            ("Priority", line.priority.to_string()),
            ("Spent", format_dollars(line.spent_micro_usd)),
            (
                "Budget",
                line.budget_micro_usd
                    .map(format_dollars)
                    .unwrap_or_default(),
            ),
            ("Created", time::format_timestamp(line.created_at)),
            ("Updated", time::format_timestamp(line.updated_at)),
        ];
        if !line.notes().is_empty() {
            fields.push(("Note", line.notes()));
        }
        if let Some(delivery) = &self.delivery {
            fields.push(("Tag", delivery.tag.clone()));
            fields.push(("Bundle", delivery.bundle.clone()));
            fields.push(("Dossier", delivery.dossier_html.clone()));
        }
        fields.extend(self.next.clone().map(|next| ("Next", next)));
        page.fields(fields);
        page.section("Brief");
        page.text(&self.brief);
        if !self.decisions.is_empty() {
            page.section("Decisions");
            page.table(
                &["when", "subject", "decision", "by", "feedback"],
                self.decision_rows(),
            );
        }
    }
}

impl ProjectView {
    fn decision_rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.decisions.iter().map(|made| {
            vec![
                time::format_timestamp(made.decided_at),
                made.subject.clone(),
                made.decision.clone(),
                made.decided_by.clone(),
                made.feedback.clone().unwrap_or_default(),
            ]
        })
    }
}
