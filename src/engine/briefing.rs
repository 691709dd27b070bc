//! What the agent of a task is told: the prompt for its kind, filled from what is known.

use super::accept::DOCUMENT_BYTES;
use super::error::WorkflowError;
use super::tools::{RUN_TESTS, SPAWN_AGENT};
use super::worker::Worker;
use eklavya_claude::mcp::{RUN_CHECK, agent_tool_name};
use eklavya_claude::prompt::{
    self, Architecture, Build, CheckView, CriterionView, Demo, Failure, Fix, Permission,
    Requirements, Resume, Retry, RoleContext, RoleLine, TaskPrompt, TaskView, TestAccess, Verify,
};
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::demo::DemoState;
use eklavya_core::domain::ledger::BudgetScope;
use eklavya_core::domain::plan_document::{Check, Criterion, PlanDocument, PreviewPlan};
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::{Task, TaskKind, TaskState};
use eklavya_gateway::Reach;
use eklavya_sandbox::policy::{Terminal, policy};
use eklavya_services::{demos, evidence, plans, tasks};

/// The most tasks that the Architect is told to plan.
const MAX_TASKS: u32 = 40;
/// Programs that may be on the machine and are worth telling the Architect about.
const PROGRAMS: [&str; 14] = [
    "sh", "bash", "git", "make", "python3", "node", "npm", "cargo", "go", "java", "gcc", "perl",
    "ruby", "php",
];

/// Returns the instructions of the task's role.
pub(super) fn instructions(
    worker: &Worker,
    role: Role,
    workspace: &str,
    reach: &Reach,
) -> Result<String, WorkflowError> {
    let row = policy(role).row();
    let permissions = [
        ("File system", row.file_system.clone()),
        ("Git", row.git.to_owned()),
        ("Terminal", row.terminal.to_owned()),
        ("Browser", row.browser.to_owned()),
        ("Spawn agents", row.spawn_agents.to_owned()),
        ("Network", network(role, row.network, reach)),
    ];
    let context = RoleContext {
        project: worker.site.project().name.clone(),
        client: worker.site.project().client.clone(),
        workspace: workspace.to_owned(),
        permissions: permissions
            .into_iter()
            .map(|(subject, allowed)| Permission {
                subject: subject.to_owned(),
                allowed,
            })
            .collect(),
    };
    prompt::role_instructions(role, &context).map_err(fault)
}

/// Returns what an agent is told of its network class: its hosts, and the way to them.
fn network(role: Role, class: &str, reach: &Reach) -> String {
    let way = if policy(role).has_shell() {
        "by the proxy that HTTPS_PROXY names"
    } else {
        "by the tool `fetch`"
    };
    match reach {
        Reach::Hosts { list, .. } => format!("{class}, {way}: {list}"),
        Reach::Public => format!("{class}, {way}"),
        Reach::Nothing | Reach::Previews(_) => class.to_owned(),
    }
}

/// Returns what an agent is told that goes on in a conversation that was cut off.
pub(super) fn resume(reason: &str) -> Result<String, WorkflowError> {
    TaskPrompt::Resume(Resume {
        reason: reason.to_owned(),
    })
    .render()
    .map_err(fault)
}

/// Returns what the agent of a task is told.
pub(super) async fn prompt(
    worker: &Worker,
    task: &Task,
    base: &CommitId,
) -> Result<String, WorkflowError> {
    let prompt = match task.kind {
        TaskKind::Requirements => requirements(worker, task).await?,
        TaskKind::Architecture => architecture(worker, task, base).await?,
        TaskKind::Demo => demo(worker, task).await?,
        TaskKind::Build => build(worker, task).await?,
        TaskKind::Fix => fix(worker, task, base).await?,
        TaskKind::Verify => verify(worker, task, base).await?,
    };
    prompt.render().map_err(fault)
}

async fn requirements(worker: &Worker, task: &Task) -> Result<TaskPrompt, WorkflowError> {
    let mut feedback = plans::rejections(&worker.site.desk, worker.site.project()).await?;
    feedback.extend(task.feedback.clone());
    Ok(TaskPrompt::Requirements(Requirements {
        brief: worker.site.project().brief.clone(),
        feedback,
    }))
}

async fn architecture(
    worker: &Worker,
    task: &Task,
    base: &CommitId,
) -> Result<TaskPrompt, WorkflowError> {
    let file = worker
        .site
        .repository
        .file_at(base, "docs/requirements.md", DOCUMENT_BYTES)
        .await?;
    let budget = worker
        .costs
        .show(BudgetScope::Project(worker.site.project().id))
        .await?;
    let left = budget
        .limit
        .map(|limit| limit.saturating_sub(budget.spent).to_string());
    Ok(TaskPrompt::Architecture(Architecture {
        brief: worker.site.project().brief.clone(),
        requirements: String::from_utf8_lossy(&file.unwrap_or_default()).into_owned(),
        budget_usd: left.unwrap_or_else(|| "no limit".to_owned()),
        max_tasks: MAX_TASKS,
        parallel_agents: u32::try_from(worker.site.config.agents.parallel).unwrap_or(u32::MAX),
        available_programs: programs(),
        roles: builder_roles(),
        refused: task
            .feedback
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect(),
        feedback: plans::rejections(&worker.site.desk, worker.site.project()).await?,
    }))
}

fn programs() -> Vec<String> {
    let there = |name: &&str| {
        ["/usr/local/bin", "/usr/bin", "/bin"]
            .iter()
            .any(|dir| std::path::Path::new(dir).join(name).exists())
    };
    PROGRAMS
        .iter()
        .filter(|name| there(name))
        .map(ToString::to_string)
        .collect()
}

fn builder_roles() -> Vec<RoleLine> {
    [
        (
            Role::Orchestrator,
            "writes nothing: hands out to agents of the roles below what cannot be planned yet",
        ),
        (
            Role::Developer,
            "writes the product: any file, a shell, commits",
        ),
        (
            Role::Tester,
            "writes tests below tests/; runs only the test command",
        ),
        (Role::Architect, "writes documents below docs/; no shell"),
        (Role::Pm, "writes documents below docs/; no shell"),
        (
            Role::Sre,
            "writes what keeps the product running: any file, a shell, commits",
        ),
    ]
    .into_iter()
    .map(|(role, purpose)| RoleLine {
        name: role.to_string(),
        purpose: purpose.to_owned(),
    })
    .collect()
}

async fn demo(worker: &Worker, task: &Task) -> Result<TaskPrompt, WorkflowError> {
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    let all = demos::list(&worker.site.desk, worker.site.project()).await?;
    let own = all.iter().find(|demo| demo.task == task.id);
    let round = own.map_or(1, |demo| demo.round);
    let feedback: Vec<String> = all
        .iter()
        .filter(|demo| demo.round < round)
        .filter_map(|demo| {
            demo.feedback
                .as_ref()
                .map(|said| format!("Demo {}: {said}", demo.number))
        })
        .collect();
    let siblings: Vec<_> = all.iter().filter(|demo| demo.round == round).collect();
    let place = siblings
        .iter()
        .position(|demo| demo.task == task.id)
        .unwrap_or(0);
    Ok(TaskPrompt::Demo(Demo {
        brief: worker.site.project().brief.clone(),
        plan: readable(&plan),
        variant: u32::try_from(place + 1).unwrap_or(1),
        variants: u32::try_from(siblings.len()).unwrap_or(1),
        direction: own.map_or_else(String::new, |demo| demo.direction.clone()),
        feedback,
        test_command: plan.test_command.clone(),
        retry: retry(task),
        preview: preview_in_words(&plan.preview),
    }))
}

async fn build(worker: &Worker, task: &Task) -> Result<TaskPrompt, WorkflowError> {
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    let all = tasks::list(&worker.site.desk, worker.site.project().id).await?;
    let merged = all
        .iter()
        .filter(|other| other.kind.is_built() && matches!(other.state, TaskState::Done { .. }))
        .map(|other| format!("{} {}", other.key, other.title))
        .collect();
    let served = plan
        .criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(TaskPrompt::Build(Build {
        plan: readable(&plan),
        task: TaskView {
            id: task.key.clone(),
            title: task.title.clone(),
            description: task.description.clone(),
        },
        criteria: served.map(view).collect(),
        merged,
        wish: wish(worker).await?,
        test_command: plan.test_command.clone(),
        test_access: test_access(task.role),
        test_tool: agent_tool_name(RUN_TESTS),
        spawn_tool: policy(task.role)
            .leads()
            .then(|| agent_tool_name(SPAWN_AGENT)),
        retry: retry(task),
    }))
}

/// Returns what the admin said of the demo that was chosen.
async fn wish(worker: &Worker) -> Result<Option<String>, WorkflowError> {
    let all = demos::list(&worker.site.desk, worker.site.project()).await?;
    Ok(all
        .into_iter()
        .find(|demo| matches!(demo.state, DemoState::Approved { .. }))
        .and_then(|demo| demo.feedback))
}

async fn fix(worker: &Worker, task: &Task, base: &CommitId) -> Result<TaskPrompt, WorkflowError> {
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    let round = round_of(task);
    let found = evidence::of_round(&worker.site.desk, worker.site.project().id, round).await?;
    let failures = plan
        .criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id))
        .map(|criterion| {
            let evidence = found
                .iter()
                .find(|evidence| evidence.criterion == criterion.id);
            Failure {
                criterion: view(criterion),
                reason: evidence.map_or_else(String::new, |evidence| evidence.reason.clone()),
                output: evidence
                    .map(|e| e.output.clone())
                    .filter(|output| !output.is_empty()),
            }
        })
        .collect();
    Ok(TaskPrompt::Fix(Fix {
        plan: readable(&plan),
        commit: base.to_string(),
        failures,
        test_command: plan.test_command.clone(),
        retry: retry(task),
    }))
}

async fn verify(
    worker: &Worker,
    task: &Task,
    base: &CommitId,
) -> Result<TaskPrompt, WorkflowError> {
    let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
    let own = plan
        .criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(TaskPrompt::Verify(Verify {
        plan: readable(&plan),
        commit: base.to_string(),
        criteria: own.map(view).collect(),
        check_tool: agent_tool_name(RUN_CHECK),
    }))
}

/// Returns the round of verification that a verify or fix task belongs to: the number in its key.
pub(super) fn round_of(task: &Task) -> u32 {
    task.key
        .split('-')
        .find_map(|part| part.parse().ok())
        .unwrap_or(1)
}

fn retry(task: &Task) -> Option<Retry> {
    task.feedback.as_ref().map(|reason| Retry {
        attempt: task.attempt.max(2),
        reason: reason.clone(),
    })
}

fn test_access(role: Role) -> TestAccess {
    match policy(role).terminal {
        Terminal::Full => TestAccess::Shell,
        Terminal::TestCommand => TestAccess::Tool,
        Terminal::No | Terminal::Diagnostic => TestAccess::None,
    }
}

fn view(criterion: &Criterion) -> CriterionView {
    CriterionView {
        id: criterion.id.clone(),
        text: criterion.text.clone(),
        check: match &criterion.check {
            Check::Command { command } => CheckView::Command(command.clone()),
            Check::Review { instructions } => CheckView::Review(instructions.clone()),
        },
    }
}

/// Returns the plan as a text for people and models.
pub(super) fn readable(plan: &PlanDocument) -> String {
    let mut lines = vec![plan.summary.clone(), String::new(), "Features:".to_owned()];
    lines.extend(
        plan.features
            .iter()
            .map(|f| format!("- {} {}: {}", f.id, f.title, f.description)),
    );
    lines.extend([String::new(), "Acceptance criteria:".to_owned()]);
    lines.extend(
        plan.criteria
            .iter()
            .map(|c| format!("- {} ({}): {}", c.id, c.feature, c.text)),
    );
    lines.extend([String::new(), "Tasks:".to_owned()]);
    lines.extend(
        plan.tasks
            .iter()
            .map(|t| format!("- {} ({}): {}", t.id, t.role, t.title)),
    );
    lines.join("\n")
}

fn preview_in_words(preview: &PreviewPlan) -> String {
    match preview {
        PreviewPlan::Static { directory } => {
            format!("the directory `{directory}`, served as static files (it needs an index.html)")
        }
        PreviewPlan::Command {
            command,
            port,
            path,
        } => {
            format!("`{command}`, which must listen on 127.0.0.1:{port} and answer GET {path}")
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn fault(error: prompt::PromptError) -> WorkflowError {
    WorkflowError::Failed(error.to_string())
}
