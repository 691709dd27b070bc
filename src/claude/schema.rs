//! The JSON schemas of agents' results, and their validation.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The most violations in one report: an agent would not read more.
const MAX_VIOLATIONS: usize = 20;

/// Returns the schema of the Architect's plan: the shape of
/// [`eklavya_core::plan::document::PlanDocument`]. Optional fields are the same; an unknown field
/// is rejected, since it would be ignored.
pub fn plan_schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(build_plan_schema);
    &SCHEMA
}

/// Returns the schema of verdicts on acceptance criteria.
pub fn verdict_schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(build_verdict_schema);
    &SCHEMA
}

/// Returns the violations of `schema` by `instance`; empty if it is valid.
///
/// Each one starts with its location, e.g. `/tasks/0/estimateUsd: -1 is less than the minimum of
/// 0`, and can be passed to the agent.
pub fn find_violations(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => return vec![format!("the schema itself is wrong: {error}")],
    };
    validator
        .iter_errors(instance)
        .take(MAX_VIOLATIONS)
        .map(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() {
                "the root".to_owned()
            } else {
                place
            };
            let reason: String = error.to_string().chars().take(500).collect();
            format!("{place}: {reason}")
        })
        .collect()
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn non_empty_list(items: &Value) -> Value {
    json!({"type": "array", "items": items, "minItems": 1})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "description": description})
}

/// The author chooses the ids, within the rules of [`eklavya_core::plan::document`].
fn id(letter: char) -> Value {
    json!({
        "type": "string",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9-]{0,19}$",
        "description": format!("{letter} and a number, unique in the plan, e.g. {letter}1."),
    })
}

fn build_plan_schema() -> Value {
    object(
        &[
            "summary",
            "features",
            "criteria",
            "tasks",
            "testCommand",
            "preview",
        ],
        &json!({
            "summary": text("What will be built, in two to five sentences for the client."),
            "features": non_empty_list(&feature()),
            "criteria": non_empty_list(&criterion()),
            "milestones": list(&milestone()),
            "tasks": non_empty_list(&task()),
            "testCommand": text("The command, run by a shell in the root of the repository, that \
                                 runs every test and exits 0 only if all pass, e.g. \
                                 sh tests/run.sh. It works offline. Where testers should be able \
                                 to run a part of the tests, it hands \"$@\" on, e.g. \
                                 sh tests/run.sh \"$@\"."),
            "preview": preview(),
            "diagnostics": list(&diagnostic()),
        }),
    )
}

fn diagnostic() -> Value {
    object(
        &["name", "command"],
        &json!({
            "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,39}$",
                     "description": "The name under which the Monitor reads it, e.g. queue-length."},
            "command": text("A command, run by a shell in the root of the repository, offline, \
                             that prints how the product is doing."),
        }),
    )
}

fn feature() -> Value {
    object(
        &["id", "title"],
        &json!({
            "id": id('F'),
            "title": text("A few words."),
            "description": text("What the user of the product can do with it."),
        }),
    )
}

fn criterion() -> Value {
    let command = object(
        &["kind", "command"],
        &json!({
            "kind": {"const": "command"},
            "command": text("A command, run by a shell in the root of the repository, that exits 0 \
                             exactly if the criterion is met. It works offline."),
        }),
    );
    let review = object(
        &["kind", "instructions"],
        &json!({
            "kind": {"const": "review"},
            "instructions": text("What a reviewer reads and what they must find there."),
        }),
    );
    object(
        &["id", "feature", "text", "check"],
        &json!({
            "id": id('C'),
            "feature": id('F'),
            "text": text("One observable fact about the finished product."),
            "check": {
                "oneOf": [command, review],
                "description": "How a reviewer other than the author checks it. Prefer a command.",
            },
        }),
    )
}

fn milestone() -> Value {
    object(
        &["id", "title", "tasks"],
        &json!({"id": id('M'), "title": text("A few words."), "tasks": non_empty_list(&id('T'))}),
    )
}

fn task() -> Value {
    object(
        &["id", "title", "description", "role", "estimateUsd"],
        &json!({
            "id": id('T'),
            "title": text("An imperative of a few words."),
            "description": text("Everything that the agent of the task needs to know beyond the plan."),
            "role": text("The role that does it: developer, or tester for a task that only \
                          writes tests."),
            "dependsOn": list(&id('T')),
            "criteria": list(&id('C')),
            "estimateUsd": {"type": "number", "minimum": 0, "maximum": 1_000_000,
                            "description": "What the agent will cost, in USD."},
        }),
    )
}

fn preview() -> Value {
    let directory = object(
        &["kind", "directory"],
        &json!({
            "kind": {"const": "static"},
            "directory": text("The directory with index.html, relative to the root."),
        }),
    );
    let command = object(
        &["kind", "command", "port"],
        &json!({
            "kind": {"const": "command"},
            "command": text("Starts the server in the foreground, in the root, offline."),
            "port": {"type": "integer", "minimum": 1024, "maximum": 65535,
                     "description": "The port on 127.0.0.1 that it listens on."},
            "path": {"type": "string", "pattern": "^/",
                     "description": "The page to open first, e.g. /."},
        }),
    );
    json!({"oneOf": [directory, command], "description": "How to show the product in a browser."})
}

fn build_verdict_schema() -> Value {
    let verdict = object(
        &["criterion", "pass", "reason"],
        &json!({
            "criterion": id('C'),
            "pass": {"type": "boolean", "description": "True only if you saw that it is met."},
            "reason": text("What you ran or read, and what you saw."),
            "files": {"type": "array", "items": {"type": "string", "minLength": 1},
                      "description": "The files that show it, relative to the root."},
        }),
    );
    object(
        &["verdicts", "summary"],
        &json!({
            "verdicts": non_empty_list(&verdict),
            "summary": text("Your judgement of the whole, in one to three sentences."),
        }),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use eklavya_core::plan::document::PlanDocument;

    /// Returns a valid plan.
    pub(crate) fn plan() -> Value {
        json!({
            "summary": "A site.",
            "features": [{"id": "F1", "title": "Menu", "description": "Drinks."}],
            "criteria": [
                {"id": "C1", "feature": "F1", "text": "There is a menu.",
                 "check": {"kind": "command", "command": "test -f menu"}},
                {"id": "C2", "feature": "F1", "text": "It is warm.",
                 "check": {"kind": "review", "instructions": "Read it."}},
            ],
            "milestones": [{"id": "M1", "title": "First", "tasks": ["T1"]}],
            "tasks": [{"id": "T1", "title": "Menu", "description": "Build it.", "role": "developer",
                       "dependsOn": [], "criteria": ["C1"], "estimateUsd": 0.5}],
            "testCommand": "sh tests/run.sh",
            "preview": {"kind": "static", "directory": "site"},
        })
    }

    #[test]
    fn a_valid_plan_has_no_violations() {
        assert_eq!(find_violations(plan_schema(), &plan()), [""; 0]);
        let mut served = plan();
        served["preview"] =
            json!({"kind": "command", "command": "serve", "port": 8000, "path": "/"});
        assert_eq!(find_violations(plan_schema(), &served), [""; 0]);
    }

    #[test]
    fn a_plan_that_the_schema_accepts_is_a_valid_plan_document() {
        let mut sparse = plan();
        sparse.as_object_mut().unwrap().remove("milestones");
        sparse["features"][0]
            .as_object_mut()
            .unwrap()
            .remove("description");
        sparse["tasks"][0]
            .as_object_mut()
            .unwrap()
            .remove("dependsOn");
        sparse["tasks"][0]["criteria"] = json!(["C1", "C2"]);
        sparse["preview"] = json!({"kind": "command", "command": "serve", "port": 8000});
        assert_eq!(find_violations(plan_schema(), &sparse), [""; 0]);
        let document: PlanDocument = serde_json::from_value(sparse).unwrap();
        assert_eq!(document.find_problems(None), [""; 0]);
    }

    #[test]
    fn each_violation_names_its_place() {
        let cases = [
            ("/tasks/0/estimateUsd", json!(-1)),
            ("/tasks/0/id", json!("T 1")),
            ("/tasks/0/dependsOn/0", json!(1)),
            ("/criteria/0/check", json!({"kind": "prayer"})),
            ("/features", json!([])),
            ("/testCommand", json!("")),
            (
                "/preview",
                json!({"kind": "command", "command": "x", "port": 70000, "path": "/"}),
            ),
        ];
        for (place, value) in cases {
            let mut plan = plan();
            if place == "/tasks/0/dependsOn/0" {
                plan["tasks"][0]["dependsOn"] = json!([value]);
            } else {
                *plan.pointer_mut(place).unwrap() = value;
            }
            let reasons = find_violations(plan_schema(), &plan);
            assert_eq!(reasons.len(), 1, "{place}: {reasons:?}");
            assert!(reasons[0].starts_with(&format!("{place}: ")), "{reasons:?}");
        }
    }

    #[test]
    fn a_value_that_is_no_plan_and_an_invalid_schema_are_reported() {
        assert!(find_violations(plan_schema(), &json!("a plan"))[0].starts_with("the root: "));
        assert_eq!(find_violations(plan_schema(), &json!({})).len(), 6);
        assert!(
            find_violations(&json!({"type": 7}), &json!({}))[0].starts_with("the schema itself")
        );
    }

    #[test]
    fn a_verdict_needs_a_reason_for_each_criterion() {
        let verdict = json!({"criterion": "C1", "pass": true, "reason": "seen", "files": ["a"]});
        let good = json!({"verdicts": [verdict], "summary": "Fine."});
        assert_eq!(find_violations(verdict_schema(), &good), [""; 0]);
        let bad = json!({"verdicts": [{"criterion": "C1", "pass": true}], "summary": "Fine."});
        let reasons = find_violations(verdict_schema(), &bad);
        assert!(
            reasons[0].contains("/verdicts/0") && reasons[0].contains("reason"),
            "{reasons:?}"
        );
    }

    #[test]
    fn violations_are_limited_in_number_and_length() {
        let mut plan = plan();
        plan["features"] = vec![json!("x".repeat(10_000)); 1000].into();
        let reasons = find_violations(plan_schema(), &plan);
        assert_eq!(reasons.len(), MAX_VIOLATIONS);
        assert!(reasons.iter().all(|reason| reason.len() < 600));
    }
}
