//! Questions at the terminal. Without a terminal, or with `--yes`, no question is asked.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use dialoguer::{Confirm, Input, Password};
use secrecy::SecretString;

use crate::error::{CommandError, CommandErrorKind};

#[derive(Debug, Clone, Copy)]
pub struct TerminalPrompt {
    may_ask: bool,
}

impl TerminalPrompt {
    /// Returns a prompt that asks only on a terminal and without the option `--yes`.
    pub fn new(yes: bool) -> Self {
        Self {
            may_ask: !yes && io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Whether questions can be asked.
    pub fn is_interactive(self) -> bool {
        self.may_ask
    }

    /// Asks for a text; if no question can be asked, the error names the `option` that sets it.
    pub fn ask_text(self, question: &str, option: &str) -> Result<String, CommandError> {
        self.ask_parsed(question, option)
    }

    /// Asks for a value until the answer can be parsed.
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

    /// Asks twice for a secret without an echo; returns `None` if no question can be asked.
    pub fn ask_secret(self, question: &str) -> Result<Option<SecretString>, CommandError> {
        if !self.may_ask {
            return Ok(None);
        }
        let answer = Password::new()
            .with_prompt(question)
            .with_confirmation("Repeat the value", "The two values differ")
            .interact();
        let answer = answer.map_err(|error| prompt_error(&error))?;
        Ok(Some(SecretString::from(answer)))
    }

    /// Asks for a confirmation. If no question can be asked, as in a script, the command itself is the
    /// confirmation.
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

/// Ctrl-C at a question is reported as an interrupted read.
fn prompt_error(error: &dialoguer::Error) -> CommandError {
    let dialoguer::Error::IO(error) = error;
    let kind = match error.kind() {
        io::ErrorKind::Interrupted => CommandErrorKind::Interrupted,
        _ => CommandErrorKind::Failed,
    };
    CommandError::new(kind, format!("no answer: {error}"))
}
