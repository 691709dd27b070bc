use std::path::Path;

use crate::RehearsalScript;
use eklavya_core::agent::role::Role;

const GOOD: &str = r#"rehearsal: 1
agents:
  - role: developer
    steps:
      - text: any
  - role: developer
    task: "demo-*"
    steps:
      - text: pattern
  - role: developer
    task: demo-2
    steps:
      - tools:
          - name: Write
            input: { file_path: "{{ clone }}/a", content: "x\n" }
  - role: developer
    attempt: 2
    steps:
      - structured: { done: true }
"#;

fn parse(text: &str) -> Result<RehearsalScript, String> {
    RehearsalScript::parse(Path::new("s.yaml"), text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn the_most_specific_part_is_played() {
    let script = parse(GOOD).unwrap();
    let steps = |task, attempt| {
        let part = script.find_part(Role::Developer, task, attempt).unwrap();
        (part.task.as_deref(), part.attempt)
    };
    assert_eq!(steps("T1", 1), (None, None));
    assert_eq!(steps("demo-1", 1), (Some("demo-*"), None));
    assert_eq!(steps("demo-2", 1), (Some("demo-2"), None));
    assert_eq!(steps("demo-2", 2), (None, Some(2)));
    assert!(script.find_part(Role::Qa, "T1", 1).is_none());
}

#[test]
fn an_invalid_script_is_refused_with_the_place_of_the_error() {
    let step = |text: &str| GOOD.replace("text: any", text);
    for (wrong, says) in [
        (GOOD.replace("rehearsal: 1", "rehearsal: 2"), "version 1"),
        (
            GOOD.replace(
                "role: developer\n    task: demo-2",
                "role: coder\n    task: demo-2",
            ),
            "line 10",
        ),
        (
            step("txt: any"),
            "unknown field `txt`, expected one of `text`",
        ),
        (step("txt: any"), "line 5 column 9"),
        (step("text: [any"), "line"),
        (step("text: 'hi {{ slugg }}'"), "\"slugg\""),
        (step("text: 'hi {{ slugg }}'"), "line 5 column 16"),
        (step("text: '{{ slug'"), "{% raw %}{{{% endraw %}"),
        (step("delaySeconds: 1"), "the step has no response"),
        (step("delaySeconds: -1"), "delaySeconds"),
        (step("error: { status: 200 }"), "error.status"),
        (
            step("error: { status: 500, times: 2 }"),
            "the step has no response",
        ),
        (step("{ text: a, cut: {} }"), "afterEvents"),
        (
            step("tools: [{ name: Read, input: 5 }]"),
            "agents[0].steps[0]: tools",
        ),
        (
            step("hang: { tims: 1 }"),
            "unknown field `tims`, expected `times` at line 5",
        ),
        (step("hang: soon"), "expected true, or how often"),
        (GOOD.replace("attempt: 2", "attempt: 0"), "counted from 1"),
        (GOOD.replace("    task: \"demo-*\"\n", ""), "agents[1]"),
        (
            GOOD.replace("      - text: any\n", "      []\n"),
            "at least one step",
        ),
        ("\0".into(), "not usable"),
    ] {
        let error = parse(&wrong).expect_err(&wrong);
        assert!(error.contains(says), "{error}\n{wrong}");
        assert!(
            error.contains("s.yaml") && error.contains("docs/rehearsal.md"),
            "{error}"
        );
    }
    assert!(
        RehearsalScript::load(Path::new("/nonexistent"))
            .unwrap_err()
            .to_string()
            .contains("cannot read")
    );
}

#[test]
fn the_example_in_the_documentation_is_a_valid_script() {
    let text = include_str!("../../../../docs/rehearsal.md");
    let example = text
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let script = parse(example).unwrap();
    assert_eq!(
        script
            .find_part(Role::Developer, "demo-1", 1)
            .unwrap()
            .steps
            .len(),
        2
    );
}
