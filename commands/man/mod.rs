//! `eklavya man`

mod sections;

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Command;
use clap_mangen::Man;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::CommandInvocation;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  eklavya man | man -l -                              # read the manual
  eklavya man --directory ~/.local/share/man/man1     # install all pages";

/// Print the manual page, or write the pages of all commands to a directory
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Write one page per command to this directory
    #[arg(long, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
}

pub fn exec(
    invocation: &CommandInvocation,
    args: &ManArgs,
    mut root: Command,
) -> Result<(), CommandError> {
    root.build();
    let Some(directory) = &args.directory else {
        return output::raw(&render_page(&root)?);
    };
    let directory = invocation.working_directory.join(directory);
    let written = std::fs::create_dir_all(&directory).and_then(|()| write_all(&directory, &root));
    written.map_err(|error| {
        let message = format!("cannot write the manual to {directory}: {error}");
        CommandError::new(CommandErrorKind::Environment, message)
    })
}

fn write_all(directory: &Utf8Path, command: &Command) -> io::Result<()> {
    let name = Man::new(command.clone()).get_filename();
    std::fs::write(directory.join(name), render_page(command)?)?;
    let visible = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    visible
        .into_iter()
        .try_for_each(|sub| write_all(directory, sub))
}

/// Returns the page of one command; the page of `eklavya` also has the common sections.
fn render_page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    // The examples are moved to their own section, in which lines are not filled.
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone()).manual("Eklavya");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(examples) = examples {
        page.extend(sections::examples_section(&examples).into_bytes());
    }
    if command.get_name() == "eklavya" {
        page.extend(sections::common_sections().into_bytes());
    }
    Ok(page)
}
