//! Errors of commands: the message, the exit code, and hints at what to type next.

pub mod disk_hints;
pub mod stage_error;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::process::ExitCode;

use eklavya_config::ConfigError;
use eklavya_core::exit_code;
use eklavya_core::failure_kind::{FailureKind, message_with_causes};
use eklavya_core::redactor::Redactor;
use eklavya_gateway::ScriptError;
use eklavya_services::ServiceError;
use eklavya_services::bus::BusError;
use eklavya_services::secrets::SecretError;
use eklavya_store::StoreError;
use serde::Serialize;

use crate::invocation::options::OutputFormat;
use crate::output::escape;

/// The kind of an error, as JSON names it; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandErrorKind {
    /// The work failed.
    Failed,
    /// The command line, a file that it names, or the configuration is not usable.
    Usage,
    /// What the command names does not exist.
    NotFound,
    /// It exists, but its state does not allow the command.
    WrongState,
    /// A budget does not allow the work to continue.
    OverBudget,
    /// The admin has to decide first.
    NeedsDecision,
    /// The CLI, sandbox, store or model endpoint is not usable.
    Environment,
    /// Ctrl-C.
    Interrupted,
    /// The reader of stdout closed it (`eklavya … | head`): this is no failure, and is not reported.
    OutputClosed,
    /// A command that was run for the user ended with this exit code and has reported the reason
    /// itself.
    Ran(u8),
}

impl CommandErrorKind {
    fn exit_code(self) -> u8 {
        match self {
            CommandErrorKind::Failed => exit_code::FAILED,
            CommandErrorKind::Usage => exit_code::USAGE,
            CommandErrorKind::NotFound => exit_code::NOT_FOUND,
            CommandErrorKind::WrongState => exit_code::WRONG_STATE,
            CommandErrorKind::OverBudget => exit_code::OVER_BUDGET,
            CommandErrorKind::NeedsDecision => exit_code::NEEDS_DECISION,
            CommandErrorKind::Environment => exit_code::ENVIRONMENT,
            CommandErrorKind::Interrupted => exit_code::INTERRUPTED,
            CommandErrorKind::OutputClosed => exit_code::DONE,
            CommandErrorKind::Ran(code) => code,
        }
    }
}

impl From<FailureKind> for CommandErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Failed => CommandErrorKind::Failed,
            FailureKind::Usage => CommandErrorKind::Usage,
            FailureKind::NotFound => CommandErrorKind::NotFound,
            FailureKind::WrongState => CommandErrorKind::WrongState,
            FailureKind::OverBudget => CommandErrorKind::OverBudget,
            FailureKind::NeedsDecision => CommandErrorKind::NeedsDecision,
            FailureKind::Environment => CommandErrorKind::Environment,
            FailureKind::Interrupted => CommandErrorKind::Interrupted,
        }
    }
}

/// Why a command failed, and what to do about it.
#[derive(Debug)]
pub struct CommandError {
    kind: CommandErrorKind,
    source: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

impl CommandError {
    pub fn new(
        kind: impl Into<CommandErrorKind>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind: kind.into(),
            source: source.into(),
            hints: Vec::new(),
        }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(CommandErrorKind::Usage, message.into())
    }

    /// Adds a line that states what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub fn is_environment(&self) -> bool {
        self.kind == CommandErrorKind::Environment
    }

    pub fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// Returns the message with its causes.
    pub fn message(&self) -> String {
        message_with_causes(self.source.as_ref())
    }

    /// Prints the error to stderr and returns its exit code. It is printed as `error: …` and
    /// `hint: …` or, if the output format is JSON, as one line `{"error":{…}}`. Secrets are hidden.
    pub fn report(&self, format: OutputFormat, redactor: &Redactor) -> ExitCode {
        let code = self.exit_code();
        if !matches!(
            self.kind,
            CommandErrorKind::OutputClosed | CommandErrorKind::Ran(_)
        ) {
            let text = match format {
                OutputFormat::Table => self.as_text(),
                OutputFormat::Json | OutputFormat::Jsonl => self.as_json(code),
            };
            let text = redactor.redact_line(text.trim_end());
            // If stderr is closed, the error cannot be reported.
            let _ = writeln!(io::stderr(), "{text}");
        }
        ExitCode::from(code)
    }

    fn as_text(&self) -> String {
        let mut text = format!("error: {}\n", escape::escape_lines(&self.message()));
        for hint in &self.hints {
            // Writing to a String does not fail.
            let _ = writeln!(text, "hint: {}", escape::escape_lines(hint));
        }
        text
    }

    fn as_json(&self, exit_code: u8) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ErrorReport<'a> {
            kind: CommandErrorKind,
            message: String,
            hints: &'a [String],
            exit_code: u8,
        }
        let error = ErrorReport {
            kind: self.kind,
            message: self.message(),
            hints: &self.hints,
            exit_code,
        };
        let document = serde_json::json!({ "error": error });
        format!("{document}\n")
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

/// An error of writing the output.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => CommandErrorKind::OutputClosed,
            _ => CommandErrorKind::Failed,
        };
        Self::new(kind, format!("cannot write the output: {error}"))
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        CommandError::from(&error)
    }
}

/// The configuration is loaded once, and its error may be needed several times.
impl From<&ConfigError> for CommandError {
    fn from(error: &ConfigError) -> Self {
        let kind = match error {
            ConfigError::Io { .. } => CommandErrorKind::Environment,
            _ => CommandErrorKind::Usage,
        };
        let hint = match error {
            ConfigError::UnknownKey { .. } => "List the keys: eklavya config show",
            ConfigError::AtPosition { .. } => "Correct the file; eklavya man describes every key",
            ConfigError::NoDataDirectory => "Set one: eklavya --home DIR …",
            _ => return Self::new(kind, error.to_string()),
        };
        Self::new(kind, error.to_string()).with_hint(hint)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        CommandError::from(&error)
    }
}

impl From<&StoreError> for CommandError {
    fn from(error: &StoreError) -> Self {
        Self::new(error.failure_kind(), error.to_string()).with_hint(store_hint(error))
    }
}

/// Returns what to do about an error of the database.
pub fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::LeaseLost { .. } => "See what is done by now: eklavya status",
        StoreError::Missing(_) => "Create the data directory first: eklavya init",
        StoreError::SchemaTooNew { .. } => {
            "Use the newer eklavya, or another data directory: --home DIR"
        }
        StoreError::SchemaTooOld { .. } => {
            "Stop the workers of the older version, then: eklavya db migrate"
        }
        StoreError::Open { .. } => {
            "Restore the file from a backup or make it readable; for a server, see its log"
        }
        StoreError::Unreachable { .. } => "Start the server, or correct store.url",
        StoreError::Unauthorized { .. } => {
            "Check the user in store.url and the password in store.passwordFile"
        }
        StoreError::NoDatabase { .. } => "Create it (createdb), or correct store.url",
        StoreError::ServerTooOld { .. } => "Use a newer server; PostgreSQL 16 is recommended",
        StoreError::Tls { .. } => "Check the server's certificate, and sslmode in store.url",
        StoreError::Encoding { .. } => {
            "Create another: createdb --encoding UTF8 --template template0 NAME"
        }
        StoreError::ReadOnly { .. } => "Point store.url at the primary",
        StoreError::Forbidden(_) => "Make the user of store.url the owner of its database",
        StoreError::Unavailable(_) => {
            "Start the server and run the command again; it resumes where it stopped"
        }
        StoreError::InDoubt(_) => {
            "Start the server and check whether the change was made: eklavya status; running the \
             command again does not make it twice"
        }
        StoreError::Busy(_) => "Run the command again; see which workers run: eklavya status",
        StoreError::DiskFull => {
            "Free disk space and run the command again; it resumes where it stopped"
        }
        StoreError::Migrate { .. } => "See the state of the schema: eklavya db status",
        _ => "Check the installation: eklavya doctor",
    }
}

impl From<BusError> for CommandError {
    fn from(error: BusError) -> Self {
        let (kind, hint) = match &error {
            BusError::Url { .. } => (
                CommandErrorKind::Usage,
                "Correct bus.url, or work without a bus: none",
            ),
            BusError::Unreachable { .. } => (
                CommandErrorKind::Environment,
                "Start it, correct bus.url, or work without it: --set bus.url=none",
            ),
            BusError::Unauthorized { .. } => (
                CommandErrorKind::Environment,
                "Check the user in bus.url and the password in bus.passwordFile",
            ),
            BusError::NotRedis { .. } | BusError::Refused { .. } => (
                CommandErrorKind::Environment,
                "Correct bus.url, or work without it: --set bus.url=none",
            ),
            BusError::TooOld { .. } => (
                CommandErrorKind::Environment,
                "Use a newer Redis, or work without it: --set bus.url=none",
            ),
        };
        Self::new(kind, error).with_hint(hint)
    }
}

impl From<ServiceError> for CommandError {
    fn from(error: ServiceError) -> Self {
        let hint = match &error {
            ServiceError::Store(error) => return Self::from(error),
            ServiceError::Secret(error) => return Self::from(error),
            ServiceError::State { .. } => "See its state: eklavya status",
            ServiceError::Conflict(_) => "Check its state and run the command again",
            ServiceError::NotFound { what, .. } | ServiceError::Ambiguous { what, .. } => {
                list_hint(what)
            }
            ServiceError::GoalUnreachable { .. } => "See what comes next: eklavya status",
            ServiceError::SlugInUse(_) => "Choose another: --slug SLUG",
            ServiceError::Slug(_) => "Choose one: --slug SLUG",
            ServiceError::Brief(_) => "Write what the client wants into a text file",
            ServiceError::Message(_) => "Shorten or rephrase it",
            ServiceError::RecipientEnded(..) => "List them: eklavya agents ps",
            ServiceError::Leased { .. } => "Wait for it: --wait",
        };
        Self::new(error.failure_kind(), error).with_hint(hint)
    }
}

impl From<&SecretError> for CommandError {
    fn from(error: &SecretError) -> Self {
        let hint = match error {
            SecretError::Value(_) | SecretError::Unsealable => {
                "Enter another value: on stdin, or --file FILE"
            }
            SecretError::NoKey { .. } | SecretError::WrongKey { .. } => {
                "Restore the file, or set its path: secrets.keyFile; without it, secrets that its \
                 key sealed can only be removed: eklavya secret rm"
            }
            SecretError::KeyFile { .. } => {
                "Restore the file of this installation, with mode 0600 (chmod 600 FILE)"
            }
            SecretError::Io { .. } => {
                "Make the file readable, or set another path: secrets.keyFile"
            }
            SecretError::Damaged { .. } => "Set it again: eklavya secret set",
            SecretError::NoKeyYet => "Set one first: eklavya secret set",
        };
        Self::new(error.failure_kind(), error.to_string()).with_hint(hint)
    }
}

impl From<ScriptError> for CommandError {
    fn from(error: ScriptError) -> Self {
        Self::new(error.failure_kind(), error)
    }
}

fn list_hint(what: &str) -> &'static str {
    match what {
        "project" => "List them: eklavya project list --all",
        "demo" => "List them: eklavya demo list SLUG",
        "task" => "List them: eklavya tasks list SLUG",
        "agent" | "agents" => "List them: eklavya agents ps --all",
        "secret" => "List them: eklavya secret list SLUG",
        "job" | "jobs" => "List them: eklavya jobs list --all",
        _ => "See its state: eklavya status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped() {
        let cause = io::Error::other("disk\u{1b}[2Jfull");
        let error = CommandError::new(CommandErrorKind::Failed, cause).with_hint("Type this");
        assert_eq!(
            error.as_text(),
            "error: disk\\u{1b}[2Jfull\nhint: Type this\n"
        );
    }

    #[test]
    fn json_errors_carry_kind_and_code() {
        let error = CommandError::usage("no").with_hint("yes");
        let expected = r#"{"error":{"exitCode":2,"hints":["yes"],"kind":"usage","message":"no"}}"#;
        assert_eq!(error.as_json(2).trim(), expected);
    }
}
