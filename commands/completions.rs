//! `eklavya completions`

use clap_complete::{Shell, generate};

use crate::cli;
use crate::error::CommandError;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  eklavya completions bash > ~/.local/share/bash-completion/completions/eklavya
  eklavya completions zsh > ~/.zfunc/_eklavya
  eklavya completions fish > ~/.config/fish/completions/eklavya.fish";

/// Print the completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// Name of the shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn exec(args: &CompletionsArgs) -> Result<(), CommandError> {
    let mut script = Vec::new();
    generate(args.shell, &mut cli::command(), "eklavya", &mut script);
    output::raw(&script)
}
