//! Project variables in the texts of a script.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use crate::door::spec::DoorSpec;

pub(crate) const VARIABLES: [&str; 7] = [
    "slug", "project", "demo", "task", "role", "attempt", "clone",
];

/// Why a text is not a usable template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidTemplate {
    pub reason: String,
    /// The line of the text with the problem, to find it in the file.
    pub line: String,
}

fn build_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The default delimiters always build.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
}

/// Checks that a text is a template over [`VARIABLES`] only.
pub(crate) fn validate_template(text: &str) -> Result<(), InvalidTemplate> {
    if !text.contains('{') {
        return Ok(());
    }
    let environment = build_environment();
    let template = environment
        .template_from_str(text)
        .map_err(|error| syntax_problem(text, &error))?;
    let names = template.undeclared_variables(false).into_iter();
    let unknown = names.filter(|name| !VARIABLES.contains(&name.as_str()));
    match unknown.min() {
        None => Ok(()),
        Some(name) => Err(unknown_variable(text, &name)),
    }
}

fn syntax_problem(text: &str, error: &minijinja::Error) -> InvalidTemplate {
    InvalidTemplate {
        reason: format!(
            "{}; a literal {{{{ is written as {{% raw %}}{{{{{{% endraw %}}",
            error.detail().unwrap_or("not a template")
        ),
        line: nth_line(text, error.line()),
    }
}

fn unknown_variable(text: &str, name: &str) -> InvalidTemplate {
    let line = text.lines().find(|line| line.contains(name));
    InvalidTemplate {
        reason: format!(
            "unknown variable {name:?}; the variables are {}",
            VARIABLES.join(", ")
        ),
        line: line.unwrap_or(text).to_owned(),
    }
}

fn nth_line(text: &str, number: Option<usize>) -> String {
    let index = number.unwrap_or(1).saturating_sub(1);
    text.lines().nth(index).unwrap_or(text).to_owned()
}

/// The values of the variables for one agent.
#[derive(Debug)]
pub struct TemplateValues {
    environment: Environment<'static>,
    values: BTreeMap<String, String>,
}

impl TemplateValues {
    /// Returns the values for the agent behind a door.
    pub fn for_agent(spec: &DoorSpec) -> Self {
        let mut values = spec.variables.clone();
        values.insert("slug".into(), spec.slug.clone());
        values.insert("task".into(), spec.task_key.clone());
        values.insert("role".into(), spec.role.to_string());
        values.insert("attempt".into(), spec.attempt.to_string());
        Self {
            environment: build_environment(),
            values,
        }
    }

    /// Fills in the variables of a text.
    ///
    /// # Errors
    /// A variable has no value for this agent, e.g. `demo` outside a demo.
    pub(crate) fn render_text(&self, text: &str) -> Result<String, String> {
        if !text.contains('{') {
            return Ok(text.to_owned());
        }
        self.environment
            .render_str(text, &self.values)
            .map_err(|error| {
                let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
                format!(
                    "{error} in {text:?}; this agent has the variables {}",
                    known.join(", ")
                )
            })
    }

    /// Fills in the variables in every text of a value.
    pub(crate) fn render_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.render_text(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.render_value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, member)| Ok((key.clone(), self.render_value(member)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }
}

/// Returns a template that renders to `text`.
pub(crate) fn escape_template(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let end = match rest.as_bytes().get(at + 1) {
            Some(b'{' | b'%' | b'#') => at + 2,
            _ => at + 1,
        };
        let brace = &rest[at..end];
        escaped.push_str(&rest[..at]);
        if brace.len() == 2 {
            escaped.extend(["{{ '", brace, "' }}"]);
        } else {
            escaped.push_str(brace);
        }
        rest = &rest[end..];
    }
    escaped + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> TemplateValues {
        let values = BTreeMap::from([("clone".to_owned(), "/w/<a>".to_owned())]);
        TemplateValues {
            environment: build_environment(),
            values,
        }
    }

    #[test]
    fn only_variables_are_replaced() {
        let filled = values()
            .render_value(&serde_json::json!({"a": ["{{ clone }}/x\n", 1, null]}))
            .unwrap();
        assert_eq!(filled, serde_json::json!({"a": ["/w/<a>/x\n", 1, null]}));
        let missing = values().render_text("{{ demo }}").unwrap_err();
        assert!(
            missing.contains("demo") && missing.contains("clone"),
            "{missing}"
        );
    }

    #[test]
    fn unknown_variables_and_invalid_templates_are_reported() {
        assert!(
            validate_template("{{ clone }} {% raw %}{{ x }}{% endraw %} { } {\"a\":{}}").is_ok()
        );
        let unknown = validate_template("first\nsecond {{ clonne }}").unwrap_err();
        assert!(unknown.reason.contains("clonne") && unknown.line.starts_with("second"));
        assert!(
            validate_template("a\nb {{ ")
                .unwrap_err()
                .reason
                .contains("raw")
        );
    }

    proptest! {
        #[test]
        fn an_escaped_text_renders_to_itself(text in "[a{}%#' \n\"]{0,40}") {
            let escaped = escape_template(&text);
            prop_assert!(validate_template(&escaped).is_ok(), "{escaped}");
            prop_assert_eq!(values().render_text(&escaped).unwrap(), text);
        }
    }
}
