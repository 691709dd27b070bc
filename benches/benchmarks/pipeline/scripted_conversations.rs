//! The answers of the model: one rehearsal for both sides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use eklavya_core::agent::role::Role;
use eklavya_core::ids::{AgentId, ProjectId, TaskId};
use eklavya_gateway::rehearsal::message::RehearsedMessage;
use eklavya_gateway::rehearsal::script::{RehearsalScript, ScriptDocument, ScriptPart};
use eklavya_gateway::rehearsal::step::{ScriptStep, ScriptedToolCall};
use eklavya_gateway::rehearsal::template::TemplateValues;
use eklavya_gateway::{DoorSpec, EgressPolicy};
use serde_json::{Value, json};

use crate::BenchError;

const TEXT: &str = include_str!("../rehearsal.yaml");
const MODEL: &str = "claude-sonnet-5-5";
/// The test command of the rehearsal's plan.
pub const TEST_COMMAND: &str = "sh tests/run.sh";

/// A rehearsal whose model thinks for the same time before every answer.
#[derive(Debug)]
pub struct ScriptedConversations {
    document: ScriptDocument,
}

/// One answer in the form in which it is sent.
#[derive(Debug, Clone)]
pub struct ModelAnswer {
    /// How long the model thinks.
    pub delay: Duration,
    /// The events of the stream.
    pub body: Bytes,
}

impl ScriptedConversations {
    /// Reads the rehearsal and sets `delay`, in seconds, before every answer.
    pub fn load(delay: f64) -> Result<Self, BenchError> {
        let mut document =
            RehearsalScript::parse(Path::new("rehearsal.yaml"), TEXT.as_bytes())?.into_document();
        for step in document.agents.iter_mut().flat_map(|part| &mut part.steps) {
            step.delay_seconds = Some(delay);
        }
        Ok(Self { document })
    }

    /// Writes the rehearsal for `eklavya` to play.
    pub fn write(&self, file: &Path) -> Result<(), BenchError> {
        // JSON is YAML.
        Ok(std::fs::write(file, serde_json::to_vec(&self.document)?)?)
    }

    /// Returns the answers to the agent of `role` on `task` in `clone`. The commands that the
    /// product's tools run for an agent without a shell, a bare agent runs with its shell.
    pub fn answers(
        &self,
        role: Role,
        task: &str,
        clone: &Path,
    ) -> Result<Vec<ModelAnswer>, BenchError> {
        let values = TemplateValues::for_agent(&door_spec(role, task, clone));
        let steps = self.find_part(role, task)?.steps.iter().enumerate();
        steps
            .map(|(index, step)| self.answer(step, index, &values))
            .collect()
    }

    fn find_part(&self, role: Role, task: &str) -> Result<&ScriptPart, BenchError> {
        let fits = |part: &&ScriptPart| {
            let pattern = part.task.as_deref().unwrap_or("*");
            part.role == role
                && pattern
                    .strip_suffix('*')
                    .map_or(pattern == task, |start| task.starts_with(start))
        };
        let found = self.document.agents.iter().find(fits);
        found.ok_or_else(|| format!("the rehearsal has no part for {role} on {task}").into())
    }

    fn answer(
        &self,
        step: &ScriptStep,
        index: usize,
        values: &TemplateValues,
    ) -> Result<ModelAnswer, BenchError> {
        let mut step = step.clone();
        for call in &mut step.tools {
            if let Some(command) = self.command_behind(call)? {
                let input = json!({ "command": command, "description": "Run it" });
                *call = ScriptedToolCall {
                    name: "Bash".to_owned(),
                    input,
                };
            }
        }
        let mut message = RehearsedMessage::from_step(&step, (1, index), values, MODEL)?;
        message.estimate_usage(20_000);
        Ok(ModelAnswer {
            delay: Duration::from_secs_f64(step.delay_seconds.unwrap_or_default()),
            body: message.to_events().concat().into(),
        })
    }

    fn command_behind(&self, call: &ScriptedToolCall) -> Result<Option<String>, BenchError> {
        match call.name.as_str() {
            "mcp__eklavya__run_tests" => Ok(Some(TEST_COMMAND.to_owned())),
            "mcp__eklavya__run_check" => {
                let wanted = &call.input["criterion"];
                let criteria = self.plan()["criteria"].as_array().into_iter().flatten();
                let mut of_it = criteria.filter(|criterion| criterion["id"] == *wanted);
                let command = of_it
                    .next()
                    .and_then(|found| found["check"]["command"].as_str());
                let command =
                    command.ok_or_else(|| format!("no command for criterion {wanted}"))?;
                Ok(Some(command.to_owned()))
            }
            _ => Ok(None),
        }
    }

    fn plan(&self) -> &Value {
        let steps = self
            .document
            .agents
            .iter()
            .filter(|part| part.role == Role::Architect);
        let mut plans = steps
            .flat_map(|part| &part.steps)
            .filter_map(|step| step.structured.as_ref());
        plans.next().unwrap_or(&Value::Null)
    }
}

fn door_spec(role: Role, task: &str, clone: &Path) -> DoorSpec {
    let text = |text: &str| text.to_owned();
    DoorSpec {
        project: ProjectId::random(),
        slug: text("bench"),
        task: TaskId::random(),
        task_key: text(task),
        agent: AgentId::random(),
        role,
        attempt: 1,
        socket_dir: PathBuf::new(),
        owner: None,
        variables: BTreeMap::from([(text("clone"), clone.to_string_lossy().into_owned())]),
        egress_policy: EgressPolicy::ModelOnly,
    }
}
