//! `eklavya events schema`

use eklavya_core::event;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::invocation::options::OutputFormat;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  eklavya events schema > events.schema.json
  eklavya events schema | jq -r '.oneOf[].properties.event.const'      # the names";

/// Print the JSON schema of the lines that `events tail --output jsonl` prints
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsSchemaArgs {}

pub fn exec(invocation: &CommandInvocation, _: &EventsSchemaArgs) -> Result<(), CommandError> {
    let schema = event::schema();
    match invocation.printer.format() {
        OutputFormat::Table | OutputFormat::Json => output::json_document(&schema),
        OutputFormat::Jsonl => output::json_line(&schema),
    }
}
