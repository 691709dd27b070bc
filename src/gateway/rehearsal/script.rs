//! A script: the responses by role, task and attempt.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::step::ScriptStep;
use super::template;
use eklavya_core::agent::role::Role;
use eklavya_core::failure_kind::FailureKind;

/// The version of the format that this program reads and writes.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Size limit of a script file.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A validated script.
#[derive(Debug, Clone)]
pub struct RehearsalScript {
    file: PathBuf,
    document: ScriptDocument,
}

/// The contents of a script file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptDocument {
    /// The version of the format; this program supports `FORMAT_VERSION`.
    pub rehearsal: u32,
    /// A description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The responses by agent.
    pub agents: Vec<ScriptPart>,
}

/// The responses to one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptPart {
    pub role: Role,
    /// The task's key; `*` matches any characters and `?` one. If absent: any task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The attempt at the task. If absent: any attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The responses, in order.
    pub steps: Vec<ScriptStep>,
}

/// Why a script cannot be played or recorded.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("cannot read the rehearsal {}: {source}", file.display())]
    Read {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write the recording {}: {source}", file.display())]
    Write {
        file: PathBuf,
        source: std::io::Error,
    },
    /// The content is not a valid script.
    #[error("the rehearsal {} is not usable: {reason}; docs/rehearsal.md describes the format", file.display())]
    Invalid { file: PathBuf, reason: String },
}

impl ScriptError {
    /// Returns the kind of failure that a command or a job reports.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Read { .. } | Self::Invalid { .. } => FailureKind::Usage,
            Self::Write { .. } => FailureKind::Environment,
        }
    }
}

impl RehearsalScript {
    /// Reads and validates a script.
    pub fn load(file: &Path) -> Result<Self, ScriptError> {
        let failed = |source| ScriptError::Read {
            file: file.to_owned(),
            source,
        };
        if std::fs::metadata(file).map_err(failed)?.len() > MAX_BYTES {
            let reason = format!("it is larger than {MAX_BYTES} bytes");
            return Err(ScriptError::Invalid {
                file: file.to_owned(),
                reason,
            });
        }
        let bytes = std::fs::read(file).map_err(failed)?;
        Self::parse(file, &bytes)
    }

    /// Validates the text of a script.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, ScriptError> {
        let invalid = |reason: String| ScriptError::Invalid {
            file: file.to_owned(),
            reason,
        };
        let text = std::str::from_utf8(bytes).map_err(|e| invalid(format!("not UTF-8: {e}")))?;
        let document: ScriptDocument =
            serde_yaml::from_str(text).map_err(|e| invalid(e.to_string()))?;
        document.validate(text).map_err(invalid)?;
        Ok(Self {
            file: file.to_owned(),
            document,
        })
    }

    /// Returns the file of the script.
    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn into_document(self) -> ScriptDocument {
        self.document
    }

    /// Returns the most specific part for an agent: an exact attempt ranks above any attempt, then
    /// an exact task above a pattern above any task.
    pub fn find_part(&self, role: Role, task: &str, attempt: u32) -> Option<&ScriptPart> {
        let fits = |part: &&ScriptPart| {
            part.role == role
                && part.attempt.is_none_or(|wanted| wanted == attempt)
                && part
                    .task
                    .as_deref()
                    .is_none_or(|pattern| matches_glob(pattern, task))
        };
        let rank = |part: &&ScriptPart| {
            let named = match part.task.as_deref() {
                Some(pattern) if !pattern.contains(['*', '?']) => 0,
                Some(_) => 1,
                None => 2,
            };
            (part.attempt.is_none(), named)
        };
        // Of equal ranks the first wins: `min_by_key` keeps it.
        self.document.agents.iter().filter(fits).min_by_key(rank)
    }
}

impl ScriptDocument {
    fn validate(&self, source: &str) -> Result<(), String> {
        if self.rehearsal != FORMAT_VERSION {
            return Err(format!(
                "rehearsal: this program reads version {FORMAT_VERSION}, not {}",
                self.rehearsal
            ));
        }
        for (number, part) in self.agents.iter().enumerate() {
            let place = format!("agents[{number}]");
            if part.attempt == Some(0) {
                return Err(format!("{place}.attempt: attempts are counted from 1"));
            }
            if part.steps.is_empty() {
                return Err(format!("{place}.steps: at least one step is needed"));
            }
            let same = |other: &ScriptPart| {
                (other.role, &other.task, other.attempt) == (part.role, &part.task, part.attempt)
            };
            if self.agents[..number].iter().any(same) {
                return Err(format!(
                    "{place}: an earlier entry has the same role, task and attempt"
                ));
            }
            for (index, step) in part.steps.iter().enumerate() {
                validate_step(step, source).map_err(|e| format!("{place}.steps[{index}]: {e}"))?;
            }
        }
        Ok(())
    }
}

fn validate_step(step: &ScriptStep, source: &str) -> Result<(), String> {
    step.validate()?;
    let message = step.error.as_ref().and_then(|error| error.message.as_ref());
    for text in step.text.iter().chain(message) {
        validate_text(text, source)?;
    }
    let inputs = step.tools.iter().map(|tool| &tool.input);
    inputs
        .chain(&step.structured)
        .try_for_each(|value| validate_value(value, source))
}

fn validate_value(value: &Value, source: &str) -> Result<(), String> {
    match value {
        Value::String(text) => validate_text(text, source),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| validate_value(item, source)),
        Value::Object(members) => members
            .values()
            .try_for_each(|item| validate_value(item, source)),
        _ => Ok(()),
    }
}

fn validate_text(text: &str, source: &str) -> Result<(), String> {
    template::validate_template(text).map_err(|bad| match find_position(source, bad.line.trim()) {
        Some((line, column)) => format!("{} at line {line} column {column}", bad.reason),
        None => format!("{} in {:?}", bad.reason, bad.line),
    })
}

/// Returns the line and column, from 1, of `wanted` in the file.
fn find_position(source: &str, wanted: &str) -> Option<(usize, usize)> {
    let at = source.find(wanted)?;
    let before = &source[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Some((line, column))
}

/// Matches a text against a pattern of `*` and `?`.
fn matches_glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
