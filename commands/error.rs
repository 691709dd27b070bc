//! Errors at the edge: what happened, which exit code it is, and what to type next.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::process::ExitCode;

use eklavya_config::ConfigError;
use eklavya_core::exit_code;
use eklavya_core::redactor::Redactor;
use eklavya_gateway::ScriptError;
use eklavya_services::ServiceError;
use eklavya_services::bus::BusError;
use eklavya_services::secrets::SecretError;
use eklavya_store::StoreError;
use serde::Serialize;

use crate::options::OutputFormat;
use crate::output::escape;

/// What kind of failure it is; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandErrorKind {
    /// The work failed.
    Failed,
    /// The command line, a file that it names, or the configuration is not usable.
    Usage,
    /// What the command names does not exist.
    NotFound,
    /// It exists, but not in a state that allows the command.
    WrongState,
    /// A budget does not allow it.
    OverBudget,
    /// The admin has to decide first.
    NeedsDecision,
    /// CLI, sandbox, store or model endpoint are not usable.
    Environment,
    /// Ctrl-C.
    Interrupted,
    /// The reader of stdout went away (`eklavya … | head`): nothing is wrong, nothing to be said.
    OutputClosed,
    /// A command that was run on the person's behalf ended with this code; it has said why itself.
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

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct CommandError {
    kind: CommandErrorKind,
    source: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

impl CommandError {
    /// Returns the error of the kind `kind` that `source` tells.
    pub fn new(kind: CommandErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: source.into(),
            hints: Vec::new(),
        }
    }

    /// Returns an error of usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(CommandErrorKind::Usage, message.into())
    }

    /// Returns this error with one more line that says what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Whether CLI, sandbox, store or model endpoint were not usable.
    pub fn is_environment(&self) -> bool {
        self.kind == CommandErrorKind::Environment
    }

    /// Returns the exit code.
    pub fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// Returns the message with its causes, those left out that it says already.
    pub fn message(&self) -> String {
        let mut message = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        message
    }

    /// Prints the error to stderr, as `error: …` and `hint: …` or, where results are JSON, as one
    /// line `{"error":{…}}`, and returns its exit code.
    /// Secrets are hidden.
    pub fn report(&self, format: OutputFormat, redactor: &Redactor) -> ExitCode {
        let code = self.kind.exit_code();
        if !matches!(
            self.kind,
            CommandErrorKind::OutputClosed | CommandErrorKind::Ran(_)
        ) {
            let text = match format {
                OutputFormat::Table => self.as_text(),
                OutputFormat::Json | OutputFormat::Jsonl => self.as_json(code),
            };
            let text = redactor.redact_line(text.trim_end());
            // Where stderr is closed there is nobody to tell.
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

/// A failure to print the result.
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

/// The configuration is read once, and its mistake may be asked for more than once.
impl From<&ConfigError> for CommandError {
    fn from(error: &ConfigError) -> Self {
        let kind = match error {
            ConfigError::Io { .. } => CommandErrorKind::Environment,
            _ => CommandErrorKind::Usage,
        };
        let hint = match error {
            ConfigError::UnknownKey { .. } => "List the keys: eklavya config show",
            ConfigError::AtPosition { .. } => "Correct the file; eklavya man explains every key",
            ConfigError::NoDataDirectory => "Say where: eklavya --home DIR …",
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
        if matches!(error, StoreError::LeaseLost { .. }) {
            return Self::new(CommandErrorKind::WrongState, error.to_string())
                .with_hint("See what is done by now: eklavya status");
        }
        Self::new(CommandErrorKind::Environment, error.to_string()).with_hint(store_hint(error))
    }
}

/// Returns what to do about a database that cannot be used.
pub fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::Missing(_) => "Create the data directory first: eklavya init",
        StoreError::SchemaTooNew { .. } => {
            "Use the newer eklavya, or another data directory: --home DIR"
        }
        StoreError::SchemaTooOld { .. } => {
            "Stop the workers of the older version, then: eklavya db migrate"
        }
        StoreError::Open { .. } => {
            "Restore the file from a copy or make it readable; of a server, look into its log"
        }
        StoreError::Unreachable { .. } => "Start the server, or correct store.url",
        StoreError::Unauthorized { .. } => {
            "Check the user in store.url and the password in store.passwordFile"
        }
        StoreError::NoDatabase { .. } => "Create it (createdb), or correct store.url",
        StoreError::ServerTooOld { .. } => "Use a newer server: PostgreSQL 16 is the one to choose",
        StoreError::Tls { .. } => "Check the server's certificate, and sslmode in store.url",
        StoreError::Encoding { .. } => {
            "Create another: createdb --encoding UTF8 --template template0 NAME"
        }
        StoreError::ReadOnly { .. } => "Point store.url at the primary",
        StoreError::Forbidden(_) => "Make the user of store.url the owner of its database",
        StoreError::Unavailable(_) => "Start the server, then repeat the command: it goes on",
        StoreError::InDoubt(_) => {
            "Start the server and look whether it was done: eklavya status; repeating the \
             command does nothing twice"
        }
        StoreError::Busy(_) => "Repeat the command; see who works: eklavya status",
        StoreError::DiskFull => "Make room on the disk and repeat the command: it goes on",
        StoreError::Migrate { .. } => "See where it stands: eklavya db status",
        _ => "Look into it: eklavya doctor",
    }
}

impl From<BusError> for CommandError {
    fn from(error: BusError) -> Self {
        let (kind, hint) = match &error {
            BusError::Url { .. } => (
                CommandErrorKind::Usage,
                "Correct bus.url, or take it out: none",
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
        let (kind, hint) = match &error {
            ServiceError::Store(error) => return Self::from(error),
            ServiceError::Secret(error) => return Self::from(error),
            ServiceError::State { .. } => (
                CommandErrorKind::WrongState,
                "See where it stands: eklavya status",
            ),
            ServiceError::Conflict(_) => (
                CommandErrorKind::WrongState,
                "Look at it and repeat the command",
            ),
            ServiceError::NotFound { what, .. } => (CommandErrorKind::NotFound, list_hint(what)),
            ServiceError::Ambiguous { what, .. } => (CommandErrorKind::Usage, list_hint(what)),
            ServiceError::GoalUnreachable { .. } => (
                CommandErrorKind::WrongState,
                "See what comes next: eklavya status",
            ),
            ServiceError::SlugInUse(_) => (CommandErrorKind::Usage, "Choose another: --slug SLUG"),
            ServiceError::Slug(_) => (CommandErrorKind::Usage, "Choose one: --slug SLUG"),
            ServiceError::Brief(_) => (
                CommandErrorKind::Usage,
                "Write what the client wants into a text file",
            ),
            ServiceError::Message(_) => (CommandErrorKind::Usage, "Say it in fewer or other words"),
            ServiceError::RecipientEnded(..) => {
                (CommandErrorKind::WrongState, "List them: eklavya agents ps")
            }
            ServiceError::Leased { .. } => (CommandErrorKind::WrongState, "Wait for it: --wait"),
        };
        Self::new(kind, error).with_hint(hint)
    }
}

impl From<&SecretError> for CommandError {
    fn from(error: &SecretError) -> Self {
        let (kind, hint) = match error {
            SecretError::Value(_) | SecretError::Unsealable => (
                CommandErrorKind::Usage,
                "Give another: on stdin, or --file FILE",
            ),
            SecretError::NoKey { .. } | SecretError::WrongKey { .. } => (
                CommandErrorKind::Environment,
                "Put the file back, or name it: secrets.keyFile; what its key sealed can only be \
                 removed without it: eklavya secret rm",
            ),
            SecretError::KeyFile { .. } => (
                CommandErrorKind::Environment,
                "Put the file of this installation back, with mode 0600 (chmod 600 FILE)",
            ),
            SecretError::Io { .. } => (
                CommandErrorKind::Environment,
                "Make the file readable, or name another place: secrets.keyFile",
            ),
            SecretError::Damaged { .. } => (
                CommandErrorKind::Environment,
                "Set it again: eklavya secret set",
            ),
            SecretError::NoKeyYet => (
                CommandErrorKind::WrongState,
                "Set one first: eklavya secret set",
            ),
        };
        Self::new(kind, error.to_string()).with_hint(hint)
    }
}

impl From<ScriptError> for CommandError {
    fn from(error: ScriptError) -> Self {
        let kind = match &error {
            ScriptError::Read { .. } | ScriptError::Invalid { .. } => CommandErrorKind::Usage,
            ScriptError::Write { .. } => CommandErrorKind::Environment,
        };
        Self::new(kind, error)
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
        _ => "See where it stands: eklavya status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once_and_hostile_text_is_harmless() {
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
