//! Rehearsals for stories: the model's answers by role, task and attempt.

use serde_json::{Value, json};

/// A rehearsal. Answers that a story does not set are those of [`RehearsalBuilder::happy_path`].
#[derive(Debug, Clone)]
pub struct RehearsalBuilder {
    agents: Vec<Value>,
}

/// Any attempt at a task.
pub const ANY: Option<u32> = None;

impl RehearsalBuilder {
    /// Returns the rehearsal of a project without problems: two documents, `plan`, demos of one
    /// page, tasks that write one page each, tests of one tester, and verdicts that pass.
    pub fn happy_path(plan: &Value) -> Self {
        Self { agents: Vec::new() }
            .with_answers(
                "pm",
                "*",
                ANY,
                [write_step(
                    "docs/requirements.md",
                    "# Requirements\n\nA greeting.\n",
                )],
            )
            .with_answers(
                "architect",
                "*",
                ANY,
                [
                    write_step("docs/architecture.md", "# Architecture\n\nOne page.\n"),
                    structured_step(plan.clone()),
                ],
            )
            .with_answers(
                "developer",
                "demo-*",
                ANY,
                [bash_step(DEMO), say_step("The demo stands.")],
            )
            .with_answers(
                "developer",
                "*",
                ANY,
                [
                    write_step("site/{{ task }}.html", "<p>hello from {{ task }}</p>\n"),
                    say_step("{{ task }} is done."),
                ],
            )
            .with_answers(
                "tester",
                "*",
                ANY,
                [
                    write_step("tests/{{ task }}.sh", "grep -q hello site/index.html\n"),
                    tool_step("mcp__eklavya__run_tests", json!({})),
                    say_step("The tests are written."),
                ],
            )
            .with_answers("qa", "*", ANY, checks(plan))
            .with_answers("uat", "*", ANY, reviews(plan))
    }

    /// Sets an agent's answers. An entry for the same role, task and attempt is replaced.
    pub fn with_answers(
        mut self,
        role: &str,
        task: &str,
        attempt: Option<u32>,
        steps: impl IntoIterator<Item = Value>,
    ) -> Self {
        let steps: Vec<Value> = steps.into_iter().collect();
        let mut entry = json!({ "role": role, "task": task, "steps": steps });
        if let Some(attempt) = attempt {
            entry["attempt"] = attempt.into();
        }
        let key = |entry: &Value| {
            (
                entry["role"].clone(),
                entry["task"].clone(),
                entry["attempt"].clone(),
            )
        };
        self.agents.retain(|other| key(other) != key(&entry));
        self.agents.push(entry);
        self
    }

    /// Inserts a step before the last step of an agent's answers.
    pub fn with_step(mut self, role: &str, task: &str, step: Value) -> Self {
        let own = |entry: &&mut Value| entry["role"] == role && entry["task"] == task;
        let entry = self.agents.iter_mut().find(own).unwrap();
        let steps = entry["steps"].as_array_mut().unwrap();
        steps.insert(steps.len() - 1, step);
        self
    }

    /// Returns the file's contents: JSON is YAML.
    pub fn text(&self) -> String {
        json!({ "rehearsal": 1, "agents": self.agents }).to_string()
    }
}

/// A command that writes a demo: one page, and a test program that refuses conflict markers.
const DEMO: &str = "\
mkdir -p site tests
echo '<h1>hello from demo {{ demo }}</h1>' > site/index.html
cat > tests/run.sh <<'END'
set -e
test -f site/index.html
if grep -rn '^<<<<<<<' site; then exit 1; fi
for test in tests/*.sh; do
  if test \"$test\" != tests/run.sh; then sh \"$test\"; fi
done
END
git add -A
git commit -qm 'Demo {{ demo }}'";

fn checks(plan: &Value) -> Vec<Value> {
    let ids = criteria(plan, "command");
    let mut steps: Vec<Value> = ids
        .iter()
        .map(|id| tool_step("mcp__eklavya__run_check", json!({ "criterion": id })))
        .collect();
    steps.push(verdicts(&ids, true));
    steps
}

fn reviews(plan: &Value) -> Vec<Value> {
    let read = tool_step(
        "Read",
        json!({ "file_path": "{{ clone }}/site/index.html" }),
    );
    vec![read, verdicts(&criteria(plan, "review"), true)]
}

/// Returns the ids of the criteria with this kind of check.
pub fn criteria(plan: &Value, kind: &str) -> Vec<String> {
    let all = plan["criteria"].as_array().unwrap();
    all.iter()
        .filter(|criterion| criterion["check"]["kind"] == kind)
        .map(|criterion| criterion["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns a verifier's structured answer, with the same verdict for each criterion.
pub fn verdicts(ids: &[String], pass: bool) -> Value {
    let one = |id| json!({ "criterion": id, "pass": pass, "reason": format!("seen: {pass}") });
    let all: Vec<Value> = ids.iter().map(one).collect();
    structured_step(json!({ "summary": "looked at", "verdicts": all }))
}

/// Returns a step with only text.
pub fn say_step(text: &str) -> Value {
    json!({ "text": text })
}

/// Returns a step with one tool call.
#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
pub fn tool_step(name: &str, input: Value) -> Value {
    json!({ "tools": [{ "name": name, "input": input }] })
}

/// Returns a step that writes a file in the clone.
pub fn write_step(path: &str, content: &str) -> Value {
    let path = format!("{{{{ clone }}}}/{path}");
    tool_step("Write", json!({ "file_path": path, "content": content }))
}

/// Returns a step that runs a command in the agent's shell.
pub fn bash_step(command: &str) -> Value {
    tool_step("Bash", json!({ "command": command, "description": "work" }))
}

/// Returns a step with a structured result.
#[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
pub fn structured_step(value: Value) -> Value {
    json!({ "structured": value })
}

/// Returns a step whose answer is delayed.
pub fn delayed_step(seconds: f64, mut step: Value) -> Value {
    step["delaySeconds"] = seconds.into();
    step
}

/// Returns a plan with these tasks (id, role, ids of the tasks before), one criterion that a
/// command checks and one that a reviewer judges.
pub fn plan_with_tasks(tasks: &[(&str, &str, &[&str])]) -> Value {
    let ids: Vec<&str> = tasks.iter().map(|task| task.0).collect();
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|(id, role, before)| {
            json!({
                "id": id, "title": format!("Do {id}"), "description": format!("What {id} is about."),
                "role": role, "dependsOn": before, "criteria": ["C1", "C2"], "estimateUsd": 0.5,
            })
        })
        .collect();
    json!({
        "summary": "A page that greets.",
        "features": [{ "id": "F1", "title": "Greeting", "description": "It says hello." }],
        "criteria": [
            { "id": "C1", "feature": "F1", "text": "The page says hello.",
              "check": { "kind": "command", "command": "grep hello site/index.html" } },
            { "id": "C2", "feature": "F1", "text": "It reads well.",
              "check": { "kind": "review", "instructions": "Read site/index.html" } },
        ],
        "milestones": [{ "id": "M1", "title": "All", "tasks": ids }],
        "tasks": tasks,
        "testCommand": "sh tests/run.sh",
        "preview": { "kind": "static", "directory": "site" },
    })
}

/// Returns a plan with one task, `T1`, for a developer.
pub fn small_plan() -> Value {
    plan_with_tasks(&[("T1", "developer", &[])])
}
