//! `eklavya completions`

use clap::Command;
use clap_complete::{Shell, generate};

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

pub fn exec(args: &CompletionsArgs, mut root: Command) -> Result<(), CommandError> {
    let mut script = Vec::new();
    generate(args.shell, &mut root, "eklavya", &mut script);
    output::raw(&script)
}
