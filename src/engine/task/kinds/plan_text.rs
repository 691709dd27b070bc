//! The plan as text for prompts.

use eklavya_core::plan::document::{PlanDocument, PlannedPreview};

pub(super) fn render_plan_text(plan: &PlanDocument) -> String {
    let mut lines = vec![plan.summary.clone(), String::new(), "Features:".to_owned()];
    lines.extend(
        plan.features
            .iter()
            .map(|f| format!("- {} {}: {}", f.id, f.title, f.description)),
    );
    lines.extend([String::new(), "Acceptance criteria:".to_owned()]);
    lines.extend(
        plan.criteria
            .iter()
            .map(|c| format!("- {} ({}): {}", c.id, c.feature, c.text)),
    );
    lines.extend([String::new(), "Tasks:".to_owned()]);
    lines.extend(
        plan.tasks
            .iter()
            .map(|t| format!("- {} ({}): {}", t.id, t.role, t.title)),
    );
    lines.join("\n")
}

pub(super) fn describe_preview(preview: &PlannedPreview) -> String {
    match preview {
        PlannedPreview::Static { directory } => {
            format!("the directory `{directory}`, served as static files (it needs an index.html)")
        }
        PlannedPreview::Command {
            command,
            port,
            path,
        } => {
            format!("`{command}`, which must listen on 127.0.0.1:{port} and answer GET {path}")
        }
    }
}
