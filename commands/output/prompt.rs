//! Questions to the person at the terminal. Without a terminal, or with `--yes`, nobody is asked.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use dialoguer::{Confirm, Input, Password};
use secrecy::SecretString;

use crate::error::{CommandError, CommandErrorKind};

/// Asks, where somebody can answer.
#[derive(Debug, Clone, Copy)]
pub struct TerminalPrompt {
    may_ask: bool,
}

impl TerminalPrompt {
    /// Returns the way to ask; `yes` is the option that forbids it.
    pub fn new(yes: bool) -> Self {
        Self {
            may_ask: !yes && io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Whether there is a person to ask.
    pub fn is_interactive(self) -> bool {
        self.may_ask
    }

    /// Asks for a text; where nobody can answer, the option that gives it is named.
    pub fn ask_text(self, question: &str, option: &str) -> Result<String, CommandError> {
        self.ask_parsed(question, option)
    }

    /// Asks for a value until the answer is one.
    pub fn ask_parsed<T>(self, question: &str, option: &str) -> Result<T, CommandError>
    where
        T: Clone + ToString + FromStr<Err: ToString>,
    {
        if !self.may_ask {
            return Err(CommandError::usage(format!("{option} is missing")));
        }
        Input::new()
            .with_prompt(question)
            .interact_text()
            .map_err(|error| prompt_error(&error))
    }

    /// Asks for a secret, twice, without showing what is typed; returns nothing where nobody can
    /// answer.
    pub fn ask_secret(self, question: &str) -> Result<Option<SecretString>, CommandError> {
        if !self.may_ask {
            return Ok(None);
        }
        let answer = Password::new()
            .with_prompt(question)
            .with_confirmation("Once more", "These are two different values")
            .interact();
        let answer = answer.map_err(|error| prompt_error(&error))?;
        Ok(Some(SecretString::from(answer)))
    }

    /// Asks for a confirmation, where somebody can give it. Elsewhere the command itself is the
    /// confirmation: a script means what it says.
    pub fn confirm(self, question: &str) -> Result<(), CommandError> {
        if !self.may_ask {
            return Ok(());
        }
        let answer = Confirm::new()
            .with_prompt(super::escape::escape_cell(question))
            .default(true)
            .interact();
        match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommandError::new(
                CommandErrorKind::Failed,
                "not confirmed; nothing was done",
            )),
            Err(error) => Err(prompt_error(&error)),
        }
    }
}

/// Ctrl-C at a question comes back as an interrupted read.
fn prompt_error(error: &dialoguer::Error) -> CommandError {
    let dialoguer::Error::IO(error) = error;
    let kind = match error.kind() {
        io::ErrorKind::Interrupted => CommandErrorKind::Interrupted,
        _ => CommandErrorKind::Failed,
    };
    CommandError::new(kind, format!("no answer: {error}"))
}
