//! Running the tasks of a stage: as many at once as are ready and allowed, until no task is left that
//! can be worked on.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::context::stop::{StopReason, StopRequest};
use crate::task::run::run_task;
use eklavya_core::ids::{ProjectId, TaskId};
use eklavya_core::task::{Task, TaskState};
use eklavya_services::{DataStore, spawned_tasks, tasks};

/// Works on the project's tasks that `belongs` selects until each is done or blocked.
///
/// The first error ends the stage, but only after the running tasks have ended.
///
/// # Errors
/// [`EngineError::NeedsDecision`] if tasks are blocked and no other task is left.
pub(crate) async fn run_tasks(
    run: &Arc<ProjectRun>,
    belongs: impl Fn(&Task) -> bool,
) -> Result<(), EngineError> {
    let (data, project) = (&run.site.data, run.site.project().id);
    let parallel = run.site.config.agents.parallel;
    let mut running = JoinSet::new();
    let mut started = HashSet::new();
    let mut failure: Option<EngineError> = None;
    loop {
        if failure.is_none() {
            let ready = find_ready_tasks(data, project, &belongs, &started).await?;
            for id in ready.into_iter().take(parallel - started.len()) {
                started.insert(id);
                let run = Arc::clone(run);
                running.spawn(async move { (id, run_task(&run, id).await) });
            }
        }
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            // More tasks may be ready now.
            () = run.spawn_notify.notified() => continue,
        };
        let Some(ended) = ended else { break };
        if let Err(error) = take_ended(ended, &mut started) {
            stop_others(&run.stop, &error);
            failure.get_or_insert(error);
        }
    }
    match failure {
        Some(error) => Err(error),
        None => report_blocked(data, project, &belongs).await,
    }
}

/// Stops the other tasks if they could not record their work either.
/// Returns the error of a task that has ended.
fn take_ended(
    ended: Result<(TaskId, Result<(), EngineError>), JoinError>,
    started: &mut HashSet<TaskId>,
) -> Result<(), EngineError> {
    let (id, outcome) = ended.map_err(|error| {
        EngineError::Failed(format!("a task ended in a fault of Eklavya: {error}"))
    })?;
    started.remove(&id);
    outcome
}

fn stop_others(stop: &StopRequest, error: &EngineError) {
    if error.is_away() {
        stop.kill(StopReason::StoreUnavailable);
    } else if error.is_lease_lost() {
        stop.kill(StopReason::LeaseLost);
    }
}

async fn find_ready_tasks(
    data: &DataStore,
    project: ProjectId,
    belongs: &impl Fn(&Task) -> bool,
    started: &HashSet<TaskId>,
) -> Result<Vec<TaskId>, EngineError> {
    let all = tasks::list(data, project).await?;
    let done = done_keys(&all);
    let is_ready = |task: &&Task| {
        matches!(task.state, TaskState::Pending | TaskState::Submitted { .. })
            && task
                .depends_on
                .iter()
                .all(|key| done.contains(key.as_str()))
    };
    let mut ready: Vec<&Task> = all
        .iter()
        .filter(|task| belongs(task) && !started.contains(&task.id))
        .filter(is_ready)
        .collect();
    ready.sort_by_key(|task| std::cmp::Reverse(task.priority));
    Ok(ready.into_iter().map(|task| task.id).collect())
}

/// A task is done when the tasks that it spawned are done.
fn done_keys(all: &[Task]) -> HashSet<&str> {
    let is_done = |task: &&Task| {
        is_settled(task) && spawned_tasks::children_of(all, &task.key).all(is_settled)
    };
    let done = all.iter().filter(is_done);
    done.map(|task| task.key.as_str()).collect()
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
    data: &DataStore,
    project: ProjectId,
    belongs: &impl Fn(&Task) -> bool,
) -> Result<(), EngineError> {
    let all = tasks::list(data, project).await?;
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
