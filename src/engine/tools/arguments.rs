//! Reading the arguments of tool calls, and checking those that an agent passes to a command.

use serde::de::DeserializeOwned;
use serde_json::Value;

use eklavya_claude::mcp::ToolReply;

const MAX_ARGUMENTS: usize = 64;
/// The limit for all arguments together; the kernel's limit for one argument is far higher.
const MAX_BYTES: usize = 16 * 1024;

/// Reads the arguments of a call of `tool`. The error for the model states what the tool `takes`.
pub(super) fn parse_arguments<T: DeserializeOwned>(
    tool: &str,
    takes: &str,
    arguments: Value,
) -> Result<T, ToolReply> {
    serde_json::from_value(arguments)
        .map_err(|error| ToolReply::error(format!("{tool} takes {takes}: {error}")))
}

/// Returns why `arguments` cannot be the positional parameters of `line`; `None` if they can.
///
/// They never become part of the line: with `-c line sh a b` a shell interprets only the line, and
/// has the arguments as `"$@"`. A line that does not use `"$@"` takes no arguments.
pub(super) fn find_argument_problem(line: &str, arguments: &[String]) -> Option<String> {
    if arguments.is_empty() {
        return None;
    }
    if !uses_positional_parameters(line) {
        return Some(format!(
            "the command `{line}` takes no arguments: it does not pass \"$@\" on. Call the tool \
             without arguments"
        ));
    }
    let bytes: usize = arguments.iter().map(String::len).sum();
    if arguments.len() > MAX_ARGUMENTS || bytes > MAX_BYTES {
        let count = arguments.len();
        return Some(format!(
            "{count} arguments of {bytes} bytes are too many; at most {MAX_ARGUMENTS} of {MAX_BYTES} bytes \
             together"
        ));
    }
    arguments
        .iter()
        .any(|argument| argument.contains('\0'))
        .then(|| "an argument cannot contain a NUL character".to_owned())
}

/// Whether a line mentions its positional parameters.
fn uses_positional_parameters(line: &str) -> bool {
    ["$@", "$*", "${@", "${*", "$1", "${1"]
        .iter()
        .any(|name| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str, arguments: &[&str]) -> Option<String> {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        find_argument_problem(line, &arguments)
    }

    #[test]
    fn arguments_are_refused_only_if_unused_too_many_or_with_nul() {
        let line = "sh tests/run.sh \"$@\"";
        assert_eq!(problem("make test", &[]), None);
        assert_eq!(problem(line, &["$(id)", "; id", "-x", "a\nb", "'"]), None);
        assert!(problem(line, &["a\0b"]).unwrap().contains("NUL"));
        let long = "x".repeat(100_000);
        assert!(problem(line, &[&long]).unwrap().contains("too many"));
        assert!(problem(line, &["x"; 65]).unwrap().contains("too many"));
        assert!(problem("make test", &["x"]).unwrap().contains("takes no"));
    }
}
