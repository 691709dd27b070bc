//! Faults, money and the environment: nothing is lost, spent twice, or left behind if something
//! breaks. Every test runs the built binary, the real Claude Code CLI and the real gateway against
//! an endpoint that plays a script and bills the requests.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and print what happened"
)]

mod fixtures;
mod machine;
mod money;
mod processes;
mod servers;

/// Returns a script in which a repeated tool call changes nothing.
///
/// The CLI records its tool calls in batches: a CLI that is killed a few tenths of a second after a
/// tool call repeats the call when it is resumed.
fn idempotent_script(script: &str) -> String {
    let once = "echo two >> site/one.txt && git add -A";
    assert!(script.contains(once));
    let script = script.replace(once, "printf 'one\\ntwo\\n' > site/one.txt && git add -A");
    let once = "echo three >> site/one.txt";
    assert!(script.contains(once));
    let script = script.replace(once, "printf 'one\\ntwo\\nthree\\n' > site/one.txt");
    script_with_repeated_results(&script)
}

/// Returns a script in which a resumed agent can submit its result again: a worker may die after
/// the CLI has recorded the result and before the worker has received it.
fn script_with_repeated_results(script: &str) -> String {
    let (mut script_text, mut result) = (String::new(), String::new());
    for line in script.lines() {
        let begins = line.starts_with("      - structured");
        if !begins && !line.starts_with("       ") {
            script_text.push_str(&std::mem::take(&mut result));
        }
        script_text = script_text + line + "\n";
        if begins || !result.is_empty() {
            result = result + line + "\n";
        }
    }
    script_text + &result
}

/// Returns the exit code and the lines with the error and its hints.
fn error_lines(outcome: &eklavya_testkit::cli::CommandResult) -> String {
    let lines = outcome.stderr.lines();
    let kept = lines.filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
    let kept: Vec<&str> = kept.collect();
    format!("exit {}\n{}", outcome.code, kept.join("\n"))
}
