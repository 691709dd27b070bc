//! What each template is filled with: plain text, from whoever calls.

use serde::Serialize;

/// The context of a role's instructions.
#[derive(Debug, Clone, Serialize)]
pub struct RoleContext {
    /// The project's name.
    pub project: String,
    /// The client's name.
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
    /// The cell, e.g. `Read/Write (docs)`, with as much explanation as helps.
    pub allowed: String,
}

/// The PM writes the requirements.
#[derive(Debug, Clone, Serialize)]
pub struct RequirementsPrompt {
    /// The client's brief.
    pub brief: String,
    /// What the admin said about earlier versions, oldest first.
    pub feedback: Vec<String>,
}

/// The Architect designs and plans.
#[derive(Debug, Clone, Serialize)]
pub struct ArchitecturePrompt {
    /// The client's brief.
    pub brief: String,
    /// The PM's requirements.
    pub requirements: String,
    /// What is left to spend, in USD, e.g. `12.50`.
    pub budget_usd: String,
    /// The most tasks that a plan may have.
    pub max_tasks: u32,
    /// How many agents build at the same time.
    pub parallel_agents: u32,
    /// The programs that tasks and checks find in the sandbox, e.g. `sh`, `git`, `python3`.
    pub available_programs: Vec<String>,
    /// The roles that a task may name.
    pub roles: Vec<RoleSummary>,
    /// Why the plan that was returned last is unusable; empty at the first attempt.
    pub refused: Vec<String>,
    /// What the admin said about earlier plans, oldest first.
    pub feedback: Vec<String>,
}

/// A role that a task may name.
#[derive(Debug, Clone, Serialize)]
pub struct RoleSummary {
    /// Its name, e.g. `developer`.
    pub name: String,
    /// What it is for.
    pub purpose: String,
}

/// A Developer builds one of the rival demos.
#[derive(Debug, Clone, Serialize)]
pub struct DemoPrompt {
    /// The client's brief.
    pub brief: String,
    /// The plan, readable: summary, features, criteria.
    pub plan: String,
    /// Which demo this is, from 1.
    pub variant: u32,
    /// How many are built.
    pub variants: u32,
    /// What sets this one apart from its rivals.
    pub direction: String,
    /// What was said about the demos of earlier rounds, oldest first.
    pub feedback: Vec<String>,
    /// The project's test command.
    pub test_command: String,
    /// Why the demo came back, where it did.
    pub retry: Option<RetryContext>,
    /// How the demo will be shown, in words, e.g. ``the directory `site`, served as static files``.
    pub preview: String,
}

/// A task of the plan is built.
#[derive(Debug, Clone, Serialize)]
pub struct BuildPrompt {
    /// The plan, readable.
    pub plan: String,
    /// The task.
    pub task: TaskSummary,
    /// The criteria that it makes true.
    pub criteria: Vec<CriterionSummary>,
    /// The titles of the tasks that are merged already.
    pub merged: Vec<String>,
    /// What the admin said when choosing the demo on which the product is built.
    pub wish: Option<String>,
    /// The project's test command.
    pub test_command: String,
    /// How the role can run it.
    pub test_access: TestAccess,
    /// The name of the tool that runs it, as the agent sees it; used with [`TestAccess::Tool`].
    pub test_tool: String,
    /// The name of the tool by which a role that leads hands the task out; nothing for all others.
    pub spawn_tool: Option<String>,
    /// Why the task came back, where it did.
    pub retry: Option<RetryContext>,
}

/// A task as its owner sees it.
#[derive(Debug, Clone, Serialize)]
pub struct TaskSummary {
    /// Its id in the plan, e.g. `T1`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What is to be done.
    pub description: String,
}

/// An acceptance criterion with its check.
#[derive(Debug, Clone, Serialize)]
pub struct CriterionSummary {
    /// Its id in the plan, e.g. `C1`.
    pub id: String,
    /// What must be true.
    pub text: String,
    /// How that is found out.
    pub check: CheckMethod,
}

/// How a criterion is checked.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum CheckMethod {
    /// By this command.
    Command(String),
    /// By reading, by these instructions.
    Review(String),
}

/// How a role can run the test command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TestAccess {
    /// In its shell.
    Shell,
    /// Through a tool of the orchestrator.
    Tool,
    /// Not at all.
    None,
}

/// Why a task came back.
#[derive(Debug, Clone, Serialize)]
pub struct RetryContext {
    /// Which attempt this is, from 2.
    pub attempt: u32,
    /// What happened, and what the clone holds where it is not as the agent left it; shortened
    /// here.
    pub reason: String,
}

/// QA judges the criteria on a commit.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyPrompt {
    /// The plan, readable.
    pub plan: String,
    /// The commit.
    pub commit: String,
    /// The criteria, at least one.
    pub criteria: Vec<CriterionSummary>,
    /// The name of the tool that runs a check, as the agent sees it, see
    /// [`crate::mcp::agent_tool_name`] and [`crate::mcp::RUN_CHECK`].
    pub check_tool: String,
}

/// A Developer repairs what verification found.
#[derive(Debug, Clone, Serialize)]
pub struct FixPrompt {
    /// The plan, readable.
    pub plan: String,
    /// The commit that was verified.
    pub commit: String,
    /// What did not pass, at least one.
    pub failures: Vec<FailedCriterion>,
    /// The project's test command.
    pub test_command: String,
    /// Why the repair came back, where it did.
    pub retry: Option<RetryContext>,
}

/// A criterion that did not pass.
#[derive(Debug, Clone, Serialize)]
pub struct FailedCriterion {
    /// The criterion.
    pub criterion: CriterionSummary,
    /// The reason of whoever judged.
    pub reason: String,
    /// What its command printed, where it has one; shortened here.
    pub output: Option<String>,
}

/// An agent that was stopped goes on in the same conversation.
#[derive(Debug, Clone, Serialize)]
pub struct ResumePrompt {
    /// Why it was stopped, e.g. `the machine was restarted`.
    pub reason: String,
}
