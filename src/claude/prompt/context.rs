//! The contexts of the templates, as plain text.

use serde::Serialize;

/// The context of a role's instructions.
#[derive(Debug, Clone, Serialize)]
pub struct RoleContext {
    pub project: String,
    pub client: String,
    /// The agent's working directory, absolute.
    pub workspace: String,
    /// The role's row of the permission matrix.
    pub permissions: Vec<PermissionCell>,
}

/// One cell of the permission matrix.
#[derive(Debug, Clone, Serialize)]
pub struct PermissionCell {
    /// The column, e.g. `File system`.
    pub subject: String,
    /// The cell, e.g. `Read/Write (docs)`, with an explanation if needed.
    pub allowed: String,
}

/// The PM writes the requirements.
#[derive(Debug, Clone, Serialize)]
pub struct RequirementsPrompt {
    pub brief: String,
    /// The admin's feedback on earlier versions, oldest first.
    pub feedback: Vec<String>,
}

/// The Architect designs and plans.
#[derive(Debug, Clone, Serialize)]
pub struct ArchitecturePrompt {
    pub brief: String,
    pub requirements: String,
    /// The remaining budget in USD, e.g. `12.50`.
    pub budget_usd: String,
    /// The most tasks that a plan may have.
    pub max_tasks: u32,
    /// How many agents build at the same time.
    pub parallel_agents: u32,
    /// The programs in the sandbox that tasks and checks can use, e.g. `sh`, `git`, `python3`.
    pub available_programs: Vec<String>,
    /// The roles that a task may name.
    pub roles: Vec<RoleSummary>,
    /// Why the previous plan was rejected; empty on the first attempt.
    pub refused: Vec<String>,
    /// The admin's feedback on earlier plans, oldest first.
    pub feedback: Vec<String>,
}

/// A role that a task may name.
#[derive(Debug, Clone, Serialize)]
pub struct RoleSummary {
    /// The name, e.g. `developer`.
    pub name: String,
    pub purpose: String,
}

/// A Developer builds one of the competing demos.
#[derive(Debug, Clone, Serialize)]
pub struct DemoPrompt {
    pub brief: String,
    /// The plan as text: summary, features, criteria.
    pub plan: String,
    /// The number of this demo, from 1.
    pub variant: u32,
    /// The number of demos.
    pub variants: u32,
    /// What distinguishes this demo from the others.
    pub direction: String,
    /// The feedback on the demos of earlier rounds, oldest first.
    pub feedback: Vec<String>,
    pub test_command: String,
    /// Why the demo is attempted again, if it is.
    pub retry: Option<RetryContext>,
    /// How the demo will be shown, in words, e.g. ``the directory `site`, served as static files``.
    pub preview: String,
}

/// An agent builds a task of the plan.
#[derive(Debug, Clone, Serialize)]
pub struct BuildPrompt {
    /// The plan as text.
    pub plan: String,
    pub task: TaskSummary,
    /// The criteria that the task must meet.
    pub criteria: Vec<CriterionSummary>,
    /// The titles of the tasks that are already merged.
    pub merged: Vec<String>,
    /// The admin's comment when choosing the demo on which the product is built.
    pub wish: Option<String>,
    pub test_command: String,
    /// How the role can run the test command.
    pub test_access: TestAccess,
    /// The name of the tool that runs it, as the agent sees it; used with [`TestAccess::Tool`].
    pub test_tool: String,
    /// The name of the tool with which a leading role delegates the task; `None` for other roles.
    pub spawn_tool: Option<String>,
    /// Why the task is attempted again, if it is.
    pub retry: Option<RetryContext>,
}

/// A task as its owner sees it.
#[derive(Debug, Clone, Serialize)]
pub struct TaskSummary {
    /// The id in the plan, e.g. `T1`.
    pub id: String,
    pub title: String,
    pub description: String,
}

/// An acceptance criterion with its check.
#[derive(Debug, Clone, Serialize)]
pub struct CriterionSummary {
    /// The id in the plan, e.g. `C1`.
    pub id: String,
    pub text: String,
    pub check: CheckMethod,
}

/// How a criterion is checked.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum CheckMethod {
    /// A command.
    Command(String),
    /// A review, by these instructions.
    Review(String),
}

/// How a role can run the test command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TestAccess {
    /// In its shell.
    Shell,
    /// With a tool of the orchestrator.
    Tool,
    /// Not at all.
    None,
}

/// Why a task is attempted again.
#[derive(Debug, Clone, Serialize)]
pub struct RetryContext {
    /// The number of this attempt, from 2.
    pub attempt: u32,
    /// What happened, and how the clone differs from the state that the agent left; shortened here.
    pub reason: String,
}

/// QA judges the criteria on a commit.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyPrompt {
    /// The plan as text.
    pub plan: String,
    pub commit: String,
    /// The criteria, at least one.
    pub criteria: Vec<CriterionSummary>,
    /// The name of the tool that runs a check, as the agent sees it, see
    /// [`crate::mcp::agent_tool_name`] and [`crate::mcp::RUN_CHECK`].
    pub check_tool: String,
}

/// A Developer fixes the failures of a verification.
#[derive(Debug, Clone, Serialize)]
pub struct FixPrompt {
    /// The plan as text.
    pub plan: String,
    /// The verified commit.
    pub commit: String,
    /// The failed criteria, at least one.
    pub failures: Vec<FailedCriterion>,
    pub test_command: String,
    /// Why the fix is attempted again, if it is.
    pub retry: Option<RetryContext>,
}

/// A criterion that was not met.
#[derive(Debug, Clone, Serialize)]
pub struct FailedCriterion {
    pub criterion: CriterionSummary,
    /// The reason that the judge stated.
    pub reason: String,
    /// The output of its command, if it has one; shortened here.
    pub output: Option<String>,
}

/// An agent that was stopped resumes the same conversation.
#[derive(Debug, Clone, Serialize)]
pub struct ResumePrompt {
    /// Why it was stopped, e.g. `the machine was restarted`.
    pub reason: String,
}
