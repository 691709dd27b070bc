//! What the agent of a task is told: the prompt for its kind, filled from what is known.

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::task::accept::DOCUMENT_BYTES;
use crate::tools::{RUN_TESTS, SPAWN_AGENT};
use eklavya_claude::mcp::{RUN_CHECK, agent_tool_name};
use eklavya_claude::prompt::{
    self, ArchitecturePrompt, BuildPrompt, CheckMethod, CriterionSummary, DemoPrompt,
    FailedCriterion, FixPrompt, PermissionCell, RequirementsPrompt, ResumePrompt, RetryContext,
    RoleContext, RoleSummary, TaskPrompt, TaskSummary, TestAccess, VerifyPrompt,
};
use eklavya_core::agent::role::Role;
use eklavya_core::demo::DemoState;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::ledger::BudgetScope;
use eklavya_core::plan::document::{
    AcceptanceCriterion, CriterionCheck, PlanDocument, PlannedPreview,
};
use eklavya_core::process::SEARCH_DIRECTORIES;
use eklavya_core::task::{Task, TaskKind, TaskState};
use eklavya_gateway::EgressPolicy;
use eklavya_sandbox::role_policy::{TerminalAccess, role_policy};
use eklavya_services::{demos, evidence, plans, tasks};

/// The most tasks that the Architect is told to plan.
const MAX_TASKS: u32 = 40;
/// Programs that may be on the machine and are worth telling the Architect about.
const PROGRAMS: [&str; 14] = [
    "sh", "bash", "git", "make", "python3", "node", "npm", "cargo", "go", "java", "gcc", "perl",
    "ruby", "php",
];

/// Returns the instructions of the task's role.
pub(crate) fn render_role_instructions(
    worker: &ProjectRun,
    role: Role,
    workspace: &str,
    reach: &EgressPolicy,
) -> Result<String, EngineError> {
    let row = role_policy(role).to_row();
    let permissions = [
        ("File system", row.file_system.clone()),
        ("Git", row.git.to_owned()),
        ("Terminal", row.terminal.to_owned()),
        ("Browser", row.browser.to_owned()),
        ("Spawn agents", row.spawn_agents.to_owned()),
        ("Network", describe_network(role, row.network, reach)),
    ];
    let context = RoleContext {
        project: worker.site.project().name.clone(),
        client: worker.site.project().client.clone(),
        workspace: workspace.to_owned(),
        permissions: permissions
            .into_iter()
            .map(|(subject, allowed)| PermissionCell {
                subject: subject.to_owned(),
                allowed,
            })
            .collect(),
    };
    prompt::render_role_instructions(role, &context).map_err(prompt_error)
}

/// Returns what an agent is told of its network class: its hosts, and the way to them.
fn describe_network(role: Role, class: &str, reach: &EgressPolicy) -> String {
    let way = if role_policy(role).has_shell() {
        "by the proxy that HTTPS_PROXY names"
    } else {
        "by the tool `fetch`"
    };
    match reach {
        EgressPolicy::Hosts { list, .. } => format!("{class}, {way}: {list}"),
        EgressPolicy::Public => format!("{class}, {way}"),
        EgressPolicy::ModelOnly | EgressPolicy::Previews(_) => class.to_owned(),
    }
}

/// Returns what an agent is told that goes on in a conversation that was cut off.
pub(crate) fn render_resume_prompt(reason: &str) -> Result<String, EngineError> {
    TaskPrompt::Resume(ResumePrompt {
        reason: reason.to_owned(),
    })
    .render()
    .map_err(prompt_error)
}

/// Returns what the agent of a task is told.
pub(crate) async fn render_task_prompt(
    worker: &ProjectRun,
    task: &Task,
    base: &CommitId,
) -> Result<String, EngineError> {
    let prompt = match task.kind {
        TaskKind::Requirements => requirements_prompt(worker, task).await?,
        TaskKind::Architecture => architecture_prompt(worker, task, base).await?,
        TaskKind::Demo => demo_prompt(worker, task).await?,
        TaskKind::Build => build_prompt(worker, task).await?,
        TaskKind::Fix => fix_prompt(worker, task, base).await?,
        TaskKind::Verify => verify_prompt(worker, task, base).await?,
    };
    prompt.render().map_err(prompt_error)
}

async fn requirements_prompt(worker: &ProjectRun, task: &Task) -> Result<TaskPrompt, EngineError> {
    let mut feedback = plans::rejection_feedback(&worker.site.data, worker.site.project()).await?;
    feedback.extend(task.feedback.clone());
    Ok(TaskPrompt::Requirements(RequirementsPrompt {
        brief: worker.site.project().brief.clone(),
        feedback,
    }))
}

async fn architecture_prompt(
    worker: &ProjectRun,
    task: &Task,
    base: &CommitId,
) -> Result<TaskPrompt, EngineError> {
    let file = worker
        .site
        .repository
        .read_file(base, "docs/requirements.md", DOCUMENT_BYTES)
        .await?;
    let budget = worker
        .costs
        .find_budget(BudgetScope::Project(worker.site.project().id))
        .await?;
    let left = budget
        .limit
        .map(|limit| limit.saturating_sub(budget.spent).to_string());
    Ok(TaskPrompt::Architecture(ArchitecturePrompt {
        brief: worker.site.project().brief.clone(),
        requirements: String::from_utf8_lossy(&file.unwrap_or_default()).into_owned(),
        budget_usd: left.unwrap_or_else(|| "no limit".to_owned()),
        max_tasks: MAX_TASKS,
        parallel_agents: u32::try_from(worker.site.config.agents.parallel).unwrap_or(u32::MAX),
        available_programs: list_available_programs(),
        roles: list_builder_roles(),
        refused: task
            .feedback
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect(),
        feedback: plans::rejection_feedback(&worker.site.data, worker.site.project()).await?,
    }))
}

fn list_available_programs() -> Vec<String> {
    let there = |name: &&str| {
        SEARCH_DIRECTORIES
            .iter()
            .any(|dir| std::path::Path::new(dir).join(name).exists())
    };
    PROGRAMS
        .iter()
        .filter(|name| there(name))
        .map(ToString::to_string)
        .collect()
}

fn list_builder_roles() -> Vec<RoleSummary> {
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
    .map(|(role, purpose)| RoleSummary {
        name: role.to_string(),
        purpose: purpose.to_owned(),
    })
    .collect()
}

async fn demo_prompt(worker: &ProjectRun, task: &Task) -> Result<TaskPrompt, EngineError> {
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    let all = demos::list(&worker.site.data, worker.site.project()).await?;
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
    Ok(TaskPrompt::Demo(DemoPrompt {
        brief: worker.site.project().brief.clone(),
        plan: render_plan_text(&plan),
        variant: u32::try_from(place + 1).unwrap_or(1),
        variants: u32::try_from(siblings.len()).unwrap_or(1),
        direction: own.map_or_else(String::new, |demo| demo.direction.clone()),
        feedback,
        test_command: plan.test_command.clone(),
        retry: retry_notice(task),
        preview: describe_preview(&plan.preview),
    }))
}

async fn build_prompt(worker: &ProjectRun, task: &Task) -> Result<TaskPrompt, EngineError> {
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    let all = tasks::list(&worker.site.data, worker.site.project().id).await?;
    let merged = all
        .iter()
        .filter(|other| other.kind.is_built() && matches!(other.state, TaskState::Done { .. }))
        .map(|other| format!("{} {}", other.key, other.title))
        .collect();
    let served = plan
        .criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(TaskPrompt::Build(BuildPrompt {
        plan: render_plan_text(&plan),
        task: TaskSummary {
            id: task.key.clone(),
            title: task.title.clone(),
            description: task.description.clone(),
        },
        criteria: served.map(criterion_view).collect(),
        merged,
        wish: find_demo_feedback(worker).await?,
        test_command: plan.test_command.clone(),
        test_access: test_access(task.role),
        test_tool: agent_tool_name(RUN_TESTS),
        spawn_tool: role_policy(task.role)
            .may_spawn_agents()
            .then(|| agent_tool_name(SPAWN_AGENT)),
        retry: retry_notice(task),
    }))
}

/// Returns what the admin said of the demo that was chosen.
async fn find_demo_feedback(worker: &ProjectRun) -> Result<Option<String>, EngineError> {
    let all = demos::list(&worker.site.data, worker.site.project()).await?;
    Ok(all
        .into_iter()
        .find(|demo| matches!(demo.state, DemoState::Approved { .. }))
        .and_then(|demo| demo.feedback))
}

async fn fix_prompt(
    worker: &ProjectRun,
    task: &Task,
    base: &CommitId,
) -> Result<TaskPrompt, EngineError> {
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    let round = verification_round(task);
    let found = evidence::of_round(&worker.site.data, worker.site.project().id, round).await?;
    let failures = plan
        .criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id))
        .map(|criterion| {
            let evidence = found
                .iter()
                .find(|evidence| evidence.criterion == criterion.id);
            FailedCriterion {
                criterion: criterion_view(criterion),
                reason: evidence.map_or_else(String::new, |evidence| evidence.reason.clone()),
                output: evidence
                    .map(|e| e.output.clone())
                    .filter(|output| !output.is_empty()),
            }
        })
        .collect();
    Ok(TaskPrompt::Fix(FixPrompt {
        plan: render_plan_text(&plan),
        commit: base.to_string(),
        failures,
        test_command: plan.test_command.clone(),
        retry: retry_notice(task),
    }))
}

async fn verify_prompt(
    worker: &ProjectRun,
    task: &Task,
    base: &CommitId,
) -> Result<TaskPrompt, EngineError> {
    let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
    let own = plan
        .criteria
        .iter()
        .filter(|criterion| task.criteria.contains(&criterion.id));
    Ok(TaskPrompt::Verify(VerifyPrompt {
        plan: render_plan_text(&plan),
        commit: base.to_string(),
        criteria: own.map(criterion_view).collect(),
        check_tool: agent_tool_name(RUN_CHECK),
    }))
}

/// Returns the round of verification that a verify or fix task belongs to: the number in its key.
pub(crate) fn verification_round(task: &Task) -> u32 {
    task.key
        .split('-')
        .find_map(|part| part.parse().ok())
        .unwrap_or(1)
}

fn retry_notice(task: &Task) -> Option<RetryContext> {
    task.feedback.as_ref().map(|reason| RetryContext {
        attempt: task.attempt.max(2),
        reason: reason.clone(),
    })
}

fn test_access(role: Role) -> TestAccess {
    match role_policy(role).terminal {
        TerminalAccess::Full => TestAccess::Shell,
        TerminalAccess::TestCommand => TestAccess::Tool,
        TerminalAccess::No | TerminalAccess::Diagnostic => TestAccess::None,
    }
}

fn criterion_view(criterion: &AcceptanceCriterion) -> CriterionSummary {
    CriterionSummary {
        id: criterion.id.clone(),
        text: criterion.text.clone(),
        check: match &criterion.check {
            CriterionCheck::Command { command } => CheckMethod::Command(command.clone()),
            CriterionCheck::Review { instructions } => CheckMethod::Review(instructions.clone()),
        },
    }
}

/// Returns the plan as a text for people and models.
pub(crate) fn render_plan_text(plan: &PlanDocument) -> String {
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

fn describe_preview(preview: &PlannedPreview) -> String {
    match preview {
        PlannedPreview::Static { directory } => {
            format!("the directory `{directory}`, served as static files (it needs an index.html)")
        }
        PlannedPreview::Command {
            command,
            port,
            path,
        } => {
            format!("`{command}`, which must listen on 127.0.0.1:{port} and answer GET {path}")
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn prompt_error(error: prompt::PromptError) -> EngineError {
    EngineError::Failed(error.to_string())
}
