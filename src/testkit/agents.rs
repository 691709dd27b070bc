//! Agent records.

use eklavya_core::agent::{Agent, AgentState};
use eklavya_core::ids::{AgentId, SessionId};
use eklavya_core::task::Task;
use jiff::Timestamp;

/// Returns an agent that starts `task` at `now`.
pub fn starting_agent(task: &Task, now: Timestamp) -> Agent {
    Agent {
        id: AgentId::random(),
        project: task.project,
        task: task.id,
        role: task.role,
        state: AgentState::Starting,
        pid: None,
        process_start: None,
        host: "h".to_owned(),
        working_dir: "/nowhere".to_owned(),
        session: SessionId::random(),
        attempt: 1,
        sandboxed: true,
        rehearsal: false,
        model: "m".to_owned(),
        worker: "w".to_owned(),
        fence: 1,
        tokens_used: 0,
        last_heartbeat: now,
        version: 1,
        created_at: now,
    }
}
