//! `eklavya events schema`

use eklavya_core::domain::event;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::options::Format;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  eklavya events schema > events.schema.json
  eklavya events schema | jq -r '.oneOf[].properties.event.const'      # the names";

/// Print the JSON schema of the lines of `events tail --output jsonl`
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Runs `eklavya events schema`.
pub fn exec(invocation: &Invocation, _: &Args) -> Result<(), CommandError> {
    let schema = event::schema();
    match invocation.printer.format() {
        Format::Table | Format::Json => output::json_document(&schema),
        Format::Jsonl => output::json_line(&schema),
    }
}
