//! The sections of the manual that hold for every command: configuration, environment, files, exit
//! status. They follow from the tables of the library.

use std::fmt::Write;

use eklavya_config::KEYS;
use eklavya_core::exit_code;

const EXIT_CODES: [(u8, &str); 9] = [
    (exit_code::DONE, "The work was done."),
    (exit_code::FAILED, "The work failed."),
    (
        exit_code::USAGE,
        "The command line, a file that it names, or the configuration is not usable as given.",
    ),
    (
        exit_code::NOT_FOUND,
        "A project, plan, demo, task or agent that the command names does not exist.",
    ),
    (
        exit_code::WRONG_STATE,
        "The thing exists, but not in a state that allows the command.",
    ),
    (
        exit_code::OVER_BUDGET,
        "A budget does not allow the work to go on.",
    ),
    (
        exit_code::NEEDS_DECISION,
        "The work waits for a decision of the admin.",
    ),
    (
        exit_code::ENVIRONMENT,
        "CLI, sandbox, store or model endpoint are not usable.",
    ),
    (
        exit_code::INTERRUPTED,
        "The command was interrupted; running it again goes on.",
    ),
];

const VARIABLES: [(&str, &str); 5] = [
    ("EKLAVYA_HOME", "The data directory."),
    (
        "EKLAVYA_…",
        "Any key of the configuration: EKLAVYA_AGENTS_PARALLEL for agents.parallel.",
    ),
    ("ANTHROPIC_API_KEY", "The key for the model endpoint."),
    (
        "ANTHROPIC_AUTH_TOKEN",
        "A bearer token for the model endpoint, where there is no key.",
    ),
    ("NO_COLOR", "Not empty: no colours."),
];

const FILES: [(&str, &str); 3] = [
    ("<home>/config.yaml", "The configuration."),
    ("<home>/eklavya.db", "The database."),
    (
        "<home>/projects/<slug>/",
        "A project: repository, workspaces, transcripts, demos, deliveries.",
    ),
];

/// Returns the section of examples: the text behind a command's help, its lines kept.
pub fn examples_section(text: &str) -> String {
    let body = text.strip_prefix("Examples:\n").unwrap_or(text);
    let lines: Vec<String> = body.lines().map(escape_roff).collect();
    format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", lines.join("\n"))
}

/// Returns the sections that stand on the page of `eklavya`.
pub fn common_sections() -> String {
    let mut page = String::new();
    push_section(&mut page, "CONFIGURATION");
    for key in KEYS {
        let default = key.default.unwrap_or("none");
        let help = format!("{}. It is {}; default: {default}.", key.help, key.expects());
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
                  itself are always told as text.";
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

/// Makes a line of text one of roff: no escape, no request at its beginning, real hyphens.
fn escape_roff(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}
