//! The arguments of calls: reading them, and what an agent may hand to a command that is run for it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use eklavya_claude::mcp::ToolReply;

/// The most arguments.
const MAX: usize = 64;
/// The most bytes of all of them together: far below what the kernel takes for one.
const MAX_BYTES: usize = 16 * 1024;

/// Reads the arguments of a call of `tool`; a model that got them wrong is told what it `takes`.
pub(super) fn parse_arguments<T: DeserializeOwned>(
    tool: &str,
    takes: &str,
    arguments: Value,
) -> Result<T, ToolReply> {
    serde_json::from_value(arguments)
        .map_err(|error| ToolReply::error(format!("{tool} takes {takes}: {error}")))
}

/// Returns what is wrong with `arguments` for `line`; nothing where they can be its positional
/// parameters.
///
/// They never become part of the line: a shell that is told `-c line sh a b` reads the line alone,
/// and knows them as `"$@"`. So a line that does not hand `"$@"` on takes none.
pub(super) fn find_argument_problem(line: &str, arguments: &[String]) -> Option<String> {
    if arguments.is_empty() {
        return None;
    }
    if !uses_positional_parameters(line) {
        return Some(format!(
            "the command `{line}` takes no arguments: it does not hand \"$@\" on. Call the tool \
             without them"
        ));
    }
    let bytes: usize = arguments.iter().map(String::len).sum();
    if arguments.len() > MAX || bytes > MAX_BYTES {
        let count = arguments.len();
        return Some(format!(
            "{count} arguments of {bytes} bytes are too many; at most {MAX} of {MAX_BYTES} bytes \
             together"
        ));
    }
    arguments
        .iter()
        .any(|argument| argument.contains('\0'))
        .then(|| "an argument cannot hold a NUL character".to_owned())
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

    fn told(line: &str, arguments: &[&str]) -> Option<String> {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        find_argument_problem(line, &arguments)
    }

    #[test]
    fn a_line_that_hands_them_on_takes_anything_but_nul_and_too_much() {
        let line = "sh tests/run.sh \"$@\"";
        assert_eq!(told("make test", &[]), None);
        assert_eq!(told(line, &["$(id)", "; id", "-x", "a\nb", "'"]), None);
        assert!(told(line, &["a\0b"]).unwrap().contains("NUL"));
        let long = "x".repeat(100_000);
        assert!(told(line, &[&long]).unwrap().contains("too many"));
        assert!(told(line, &["x"; 65]).unwrap().contains("too many"));
        assert!(told("make test", &["x"]).unwrap().contains("takes no"));
    }
}
