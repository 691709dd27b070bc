//! The sections of the manual that are common to all commands: configuration, environment, files, exit
//! status.

use std::fmt::Write;

use eklavya_config::KEYS;
use eklavya_core::exit_code;

const EXIT_CODES: [(u8, &str); 9] = [
    (exit_code::DONE, "The work was done."),
    (exit_code::FAILED, "The work failed."),
    (
        exit_code::USAGE,
        "The command line, a file that it names, or the configuration is invalid.",
    ),
    (
        exit_code::NOT_FOUND,
        "A project, plan, demo, task or agent that the command names does not exist.",
    ),
    (
        exit_code::WRONG_STATE,
        "The project, plan, demo, task or agent is not in a state that allows the command.",
    ),
    (
        exit_code::OVER_BUDGET,
        "A budget does not allow the work to continue.",
    ),
    (
        exit_code::NEEDS_DECISION,
        "The work needs a decision of the admin.",
    ),
    (
        exit_code::ENVIRONMENT,
        "The CLI, sandbox, store or model endpoint is not usable.",
    ),
    (
        exit_code::INTERRUPTED,
        "The command was interrupted; run it again to resume.",
    ),
];

const VARIABLES: [(&str, &str); 5] = [
    ("EKLAVYA_HOME", "The data directory."),
    (
        "EKLAVYA_…",
        "Any configuration key; for example, EKLAVYA_AGENTS_PARALLEL sets agents.parallel.",
    ),
    ("ANTHROPIC_API_KEY", "The API key for the model endpoint."),
    (
        "ANTHROPIC_AUTH_TOKEN",
        "A bearer token for the model endpoint, used if ANTHROPIC_API_KEY is not set.",
    ),
    ("NO_COLOR", "Disables colours if not empty."),
];

const FILES: [(&str, &str); 3] = [
    ("<home>/config.yaml", "The configuration."),
    ("<home>/eklavya.db", "The database."),
    (
        "<home>/projects/<slug>/",
        "The files of a project: repository, workspaces, transcripts, demos, deliveries.",
    ),
];

/// Returns the section with the examples of a command's help; lines are not filled.
pub fn examples_section(text: &str) -> String {
    let body = text.strip_prefix("Examples:\n").unwrap_or(text);
    let lines: Vec<String> = body.lines().map(escape_roff).collect();
    format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", lines.join("\n"))
}

/// Returns the common sections, which are on the page of `eklavya`.
pub fn common_sections() -> String {
    let mut page = String::new();
    push_section(&mut page, "CONFIGURATION");
    for key in KEYS {
        let default = key.default.unwrap_or("none");
        let help = format!("{}. Takes {}; default: {default}.", key.help, key.expects());
        push_item(&mut page, key.name, &help);
    }
    push_section(&mut page, "ENVIRONMENT");
    for (name, help) in VARIABLES {
        push_item(&mut page, name, help);
    }
    push_section(&mut page, "FILES");
    for (name, help) in FILES {
        push_item(&mut page, name, help);
    }
    push_section(&mut page, "EXIT STATUS");
    for (code, help) in EXIT_CODES {
        push_item(&mut page, &code.to_string(), help);
    }
    push_section(&mut page, "ERRORS");
    let errors = "Errors go to stderr as \"error: …\" and \"hint: …\"; with --output json or jsonl as \
                  one line {\"error\":{kind,message,hints,exitCode}}. Mistakes in the command line \
                  itself are always reported as text.";
    // Writing to a String does not fail.
    let _ = writeln!(page, "{}", escape_roff(errors));
    page
}

fn push_section(page: &mut String, title: &str) {
    let _ = writeln!(page, ".SH \"{title}\"");
}

fn push_item(page: &mut String, name: &str, help: &str) {
    let _ = writeln!(
        page,
        ".TP\n\\fB{}\\fR\n{}",
        escape_roff(name),
        escape_roff(help)
    );
}

/// Escapes a line of text for roff: backslashes, hyphens, and a control character at its start.
fn escape_roff(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}
