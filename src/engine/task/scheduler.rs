//! Running the tasks of a stage: as many at once as are ready and allowed, until none is left that
//! can be worked on.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::stop::StopReason;
use crate::task::run;
use eklavya_core::ids::TaskId;
use eklavya_core::task::{Task, TaskState};
use eklavya_services::{spawned_tasks, tasks};

/// Works on the project's tasks that `belongs` picks until each is done or blocked.
///
/// The first error ends the stage, but only after the tasks that were under way came to a rest.
///
/// # Errors
/// [`WorkflowError::NeedsDecision`] where tasks are blocked and nothing else is left to do.
pub(crate) async fn run_tasks(
    worker: &Arc<ProjectRun>,
    belongs: impl Fn(&Task) -> bool,
) -> Result<(), EngineError> {
    let mut running = JoinSet::new();
    let mut under_way = HashSet::new();
    let mut halted: Option<EngineError> = None;
    loop {
        if halted.is_none() {
            for id in find_ready_tasks(worker, &belongs, &under_way).await? {
                if under_way.len() >= worker.site.config.agents.parallel {
                    break;
                }
                under_way.insert(id);
                let worker = Arc::clone(worker);
                running.spawn(async move { (id, run::run_task(&worker, id).await) });
            }
        }
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            // There may be more to do now, and room for it.
            () = worker.spawn_notify.notified() => continue,
        };
        match ended {
            None => break,
            Some(Ok((id, outcome))) => {
                under_way.remove(&id);
                if let Err(error) = outcome {
                    // The others could not write down what they do either.
                    if error.is_away() {
                        worker.stop.kill(StopReason::StoreUnavailable);
                    } else if error.is_lease_lost() {
                        worker.stop.kill(StopReason::LeaseLost);
                    }
                    halted.get_or_insert(error);
                }
            }
            Some(Err(error)) => {
                halted.get_or_insert(EngineError::Failed(format!(
                    "a task ended in a fault of Eklavya: {error}"
                )));
            }
        }
    }
    match halted {
        Some(error) => Err(error),
        None => report_blocked(worker, &belongs).await,
    }
}

async fn find_ready_tasks(
    worker: &ProjectRun,
    belongs: &impl Fn(&Task) -> bool,
    under_way: &HashSet<TaskId>,
) -> Result<Vec<TaskId>, EngineError> {
    let all = tasks::list(&worker.site.data, worker.site.project().id).await?;
    // A task is done when all that came from it is.
    let done: HashSet<&str> = all
        .iter()
        .filter(|task| {
            is_settled(task) && spawned_tasks::children_of(&all, &task.key).all(is_settled)
        })
        .map(|task| task.key.as_str())
        .collect();
    let mut ready: Vec<&Task> = all
        .iter()
        .filter(|task| belongs(task) && !under_way.contains(&task.id))
        .filter(|task| matches!(task.state, TaskState::Pending | TaskState::Submitted { .. }))
        .filter(|task| {
            task.depends_on
                .iter()
                .all(|key| done.contains(key.as_str()))
        })
        .collect();
    ready.sort_by_key(|task| std::cmp::Reverse(task.priority));
    Ok(ready.into_iter().map(|task| task.id).collect())
}

fn is_settled(task: &Task) -> bool {
    match task.state {
        TaskState::Done { .. } | TaskState::Cancelled { .. } => true,
        TaskState::Pending
        | TaskState::Running { .. }
        | TaskState::Submitted { .. }
        | TaskState::Blocked { .. } => false,
    }
}

async fn report_blocked(
    worker: &ProjectRun,
    belongs: &impl Fn(&Task) -> bool,
) -> Result<(), EngineError> {
    let all = tasks::list(&worker.site.data, worker.site.project().id).await?;
    let questions: Vec<(String, String)> = all
        .into_iter()
        .filter(belongs)
        .filter_map(|task| match task.state {
            TaskState::Blocked { question, .. } => Some((task.key, question)),
            TaskState::Pending
            | TaskState::Running { .. }
            | TaskState::Submitted { .. }
            | TaskState::Done { .. }
            | TaskState::Cancelled { .. } => None,
        })
        .collect();
    if questions.is_empty() {
        Ok(())
    } else {
        Err(EngineError::NeedsDecision(questions))
    }
}
