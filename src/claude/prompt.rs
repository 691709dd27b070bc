//! Prompts: the instructions of a role and the prompt of a task, from the templates in
//! `templates/roles`.
//!
//! The templates are part of the program. All values are data: they are never parsed as template
//! code, and text from outside is quoted between tags that it cannot close.

mod context;
mod filters;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

pub use context::{
    ArchitecturePrompt, BuildPrompt, CheckMethod, CriterionSummary, DemoPrompt, FailedCriterion,
    FixPrompt, PermissionCell, RequirementsPrompt, ResumePrompt, RetryContext, RoleContext,
    RoleSummary, TaskSummary, TestAccess, VerifyPrompt,
};

use eklavya_core::agent::role::Role;

macro_rules! template {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!("../../templates/roles/", $path)),
        )
    };
}

const TEMPLATES: [(&str, &str); 18] = [
    template!("_common.md"),
    template!("orchestrator.md"),
    template!("architect.md"),
    template!("developer.md"),
    template!("tester.md"),
    template!("qa.md"),
    template!("pm.md"),
    template!("uat.md"),
    template!("sre.md"),
    template!("monitor.md"),
    template!("mentor.md"),
    template!("tasks/requirements.md"),
    template!("tasks/architecture.md"),
    template!("tasks/demo.md"),
    template!("tasks/build.md"),
    template!("tasks/verify.md"),
    template!("tasks/fix.md"),
    template!("tasks/resume.md"),
];

/// A template could not be rendered: a bug in the program, not an error of its user.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot render the prompt {template}: {source}; this is a fault of Eklavya, please report it"
)]
pub struct PromptError {
    pub template: String,
    pub source: minijinja::Error,
}

/// The prompt of a task.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum TaskPrompt {
    /// The PM writes the requirements.
    Requirements(RequirementsPrompt),
    /// The Architect designs and plans.
    Architecture(ArchitecturePrompt),
    /// A Developer builds one of the competing demos.
    Demo(DemoPrompt),
    /// An agent builds a task of the plan.
    Build(BuildPrompt),
    /// QA judges the criteria on a commit.
    Verify(VerifyPrompt),
    /// A Developer fixes the failures of a verification.
    Fix(FixPrompt),
    /// An agent that was stopped resumes the same conversation.
    Resume(ResumePrompt),
}

impl TaskPrompt {
    pub fn render(&self) -> Result<String, PromptError> {
        let template = match self {
            TaskPrompt::Requirements(_) => "tasks/requirements.md",
            TaskPrompt::Architecture(_) => "tasks/architecture.md",
            TaskPrompt::Demo(_) => "tasks/demo.md",
            TaskPrompt::Build(_) => "tasks/build.md",
            TaskPrompt::Verify(_) => "tasks/verify.md",
            TaskPrompt::Fix(_) => "tasks/fix.md",
            TaskPrompt::Resume(_) => "tasks/resume.md",
        };
        render(template, self)
    }
}

/// Returns the instructions of `role`: its purpose, its permissions, its way of working.
pub fn render_role_instructions(role: Role, context: &RoleContext) -> Result<String, PromptError> {
    render(&format!("{role}.md"), context)
}

fn render(name: &str, context: &impl Serialize) -> Result<String, PromptError> {
    let context = Value::from(Serde(context));
    let rendered =
        build_environment().and_then(|environment| environment.get_template(name)?.render(context));
    match rendered {
        Ok(text) => Ok(filters::collapse_blank_lines(&text)),
        Err(source) => Err(PromptError {
            template: name.to_owned(),
            source,
        }),
    }
}

fn build_environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut syntax = SyntaxConfig::builder();
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("quoted", filters::quoted);
    environment.add_filter("one_line", filters::one_line);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

#[cfg(test)]
mod tests;
