//! The tool that runs a criterion's check for a role without a terminal.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ToolDescription;

/// The name of the tool on the server.
pub const RUN_CHECK: &str = "run_check";

/// The arguments of [`RUN_CHECK`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCheckArguments {
    /// The id of the criterion, e.g. `C1`. The command is that of the plan: an agent cannot choose
    /// it.
    pub criterion: String,
}

impl RunCheckArguments {
    /// Parses the arguments of a call, or returns a correction for the model.
    pub fn parse(arguments: Value) -> Result<Self, String> {
        serde_json::from_value(arguments).map_err(|error| {
            format!("{RUN_CHECK} takes exactly {{\"criterion\": \"C1\"}}: {error}")
        })
    }
}

/// Returns the description of [`RUN_CHECK`] for agents.
pub fn run_check_description() -> ToolDescription {
    ToolDescription {
        name: RUN_CHECK.to_owned(),
        description: "Runs the command of one acceptance criterion on the commit under \
                      verification, in a fresh throw-away sandbox, and returns its exit code and \
                      the end of its output. Takes the id of the criterion; the command itself is \
                      fixed by the plan. Call it once for each criterion with a command."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {
                "criterion": {"type": "string", "description": "The id of the criterion, e.g. C1."}
            },
            "required": ["criterion"],
            "additionalProperties": false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_criterion_and_nothing_else() {
        let parsed = RunCheckArguments::parse(json!({"criterion": "C1"})).unwrap();
        assert_eq!(parsed.criterion, "C1");
        for bad in [
            json!({}),
            json!({"criterion": 1}),
            json!({"criterion": "C1", "command": "rm"}),
        ] {
            let reason = RunCheckArguments::parse(bad).unwrap_err();
            assert!(reason.starts_with("run_check takes exactly"), "{reason}");
        }
    }
}
