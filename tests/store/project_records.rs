//! A project with everything in it, to be written into a database.

use eklavya_core::agent::Agent;
use eklavya_core::agent::checkpoint::{Checkpoint, CheckpointState};
use eklavya_core::agent::role::Role;
use eklavya_core::demo::artifact::Artifact;
use eklavya_core::demo::{Demo, DemoState, PreviewProcess};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::ids::{ArtifactId, CheckpointId, DemoId, PlanId, ProjectId, TaskId};
use eklavya_core::ledger::RequestPayer;
use eklavya_core::money::MicroUsd;
use eklavya_core::plan::{Plan, PlanState};
use eklavya_core::project::decision::Decision;
use eklavya_core::project::delivery::Delivery;
use eklavya_core::project::{Project, ProjectState};
use eklavya_core::secret::StoredSecret;
use eklavya_core::task::evidence::Evidence;
use eklavya_core::task::subject::TaskSubject;
use eklavya_core::task::{Task, TaskKind, TaskState};
use eklavya_store::{SqlTransaction, agents, projects, tasks};
use eklavya_testkit::agents::starting_agent;
use jiff::Timestamp;

/// Texts that break what is careless with texts. U+0000, which no database of ours keeps, is not
/// one of them.
pub const HOSTILE: [&str; 9] = [
    "",
    " \t\r\n",
    "'; DROP TABLE projects; --",
    "$1 $2 ? :name @name \\x00 \\u0000 %s %n",
    "\\N\\.\n\\.\n\\t\\",
    "\u{1b}[2J\u{7f}\u{80}\u{202e}right to left\u{feff}",
    "日本 \u{1F468}\u{200D}\u{1F469} e\u{301} é \u{10FFFF} \u{FFFE}",
    "{\"json\": [null, \"\\ud83d\\ude00\"]}",
    "İıſKÅ ß ẞ Ω",
];

pub fn timestamp_at(second: i64) -> Timestamp {
    Timestamp::from_microsecond(1_700_000_000_000_001 + second * 1_000_000).unwrap()
}

pub fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

pub fn project(number: u32, slug: &str) -> Project {
    Project {
        id: ProjectId::random(),
        number,
        slug: slug.to_owned(),
        name: HOSTILE[5].to_owned(),
        client: HOSTILE[6].to_owned(),
        brief: HOSTILE.join("|"),
        state: ProjectState::NEW,
        progress: 0,
        rehearsal: None,
        sandboxed: true,
        isolation: None,
        version: 1,
        created_at: timestamp_at(0),
        updated_at: timestamp_at(0),
    }
}

pub fn secret(project: &Project, name: &str) -> StoredSecret {
    StoredSecret {
        project: project.id,
        name: name.parse().unwrap(),
        uses: "tests,previews".parse().unwrap(),
        key: "0123456789abcdef".to_owned(),
        sealed: (0..=255).collect(),
        version: 1,
        set_by: HOSTILE[6].to_owned(),
        set_at: timestamp_at(4),
    }
}

pub fn plan(project: &Project, number: u32) -> Plan {
    Plan {
        id: PlanId::random(),
        project: project.id,
        number,
        state: PlanState::Drafting,
        document: None,
        version: 1,
        created_at: timestamp_at(1),
    }
}

pub fn task(project: &Project, key: &str) -> Task {
    Task {
        id: TaskId::random(),
        project: project.id,
        key: key.to_owned(),
        kind: TaskKind::Build,
        subject: TaskSubject::Planned,
        role: Role::Developer,
        title: HOSTILE[2].to_owned(),
        description: HOSTILE.join("\n"),
        criteria: HOSTILE.map(str::to_owned).to_vec(),
        depends_on: Vec::new(),
        priority: 0,
        estimate: MicroUsd(500_000),
        state: TaskState::Pending,
        attempt: 0,
        feedback: None,
        session: None,
        base_commit: None,
        result: None,
        version: 1,
        created_at: timestamp_at(2),
        updated_at: timestamp_at(2),
    }
}

pub fn agent(task: &Task) -> Agent {
    Agent {
        host: HOSTILE[2].to_owned(),
        working_dir: "/nowhere/日本".to_owned(),
        ..starting_agent(task, timestamp_at(3))
    }
}

pub fn demo(task: &Task, number: u32) -> Demo {
    Demo {
        id: DemoId::random(),
        project: task.project,
        task: task.id,
        number,
        round: 1,
        direction: HOSTILE[6].to_owned(),
        state: DemoState::Building,
        commit: Some(commit('a')),
        preview_url: Some("http://127.0.0.1:1/".to_owned()),
        preview: Some(PreviewProcess {
            host: HOSTILE[6].to_owned(),
            pid: u32::MAX,
            start: i64::MAX,
        }),
        feedback: None,
        version: 1,
        created_at: timestamp_at(4),
        approved_at: None,
    }
}

pub fn checkpoint(agent: &Agent, second: i64) -> Checkpoint {
    Checkpoint {
        id: CheckpointId::random(),
        project: agent.project,
        agent: agent.id,
        state: CheckpointState {
            task: "T1".to_owned(),
            attempt: 1,
            session: agent.session,
            reason: HOSTILE[5].to_owned(),
        },
        file_snapshot: commit('b'),
        resume_instructions: HOSTILE.concat(),
        created_at: timestamp_at(second),
    }
}

pub fn decision(project: &Project, subject: &str, second: i64) -> Decision {
    Decision {
        project: project.id,
        subject: subject.to_owned(),
        decision: "approved".to_owned(),
        feedback: Some(HOSTILE[4].to_owned()),
        decided_by: HOSTILE[8].to_owned(),
        decided_at: timestamp_at(second),
    }
}

pub fn evidence(agent: &Agent, criterion: &str) -> Evidence {
    Evidence {
        project: agent.project,
        round: 1,
        criterion: criterion.to_owned(),
        commit: commit('c'),
        agent: agent.id,
        role: Role::Qa,
        command: Some("sh -c 'exit 1'".to_owned()),
        exit: None,
        output: HOSTILE.concat(),
        passed: false,
        reason: HOSTILE[0].to_owned(),
        created_at: timestamp_at(5),
    }
}

pub fn artifact(agent: Option<&Agent>, project: &Project, second: i64) -> Artifact {
    Artifact {
        id: ArtifactId::random(),
        project: project.id,
        agent: agent.map(|agent| agent.id),
        subject: "demo 1".to_owned(),
        media_type: "image/png".to_owned(),
        sha256: "0".repeat(64),
        bytes: 7,
        width: 1280,
        height: 800,
        url: HOSTILE[0].to_owned(),
        title: HOSTILE.concat(),
        created_at: timestamp_at(second),
    }
}

pub fn delivery(project: &Project) -> Delivery {
    Delivery {
        project: project.id,
        commit: commit('d'),
        tag: "v1".to_owned(),
        bundle: "/b".to_owned(),
        bundle_sha256: "0".repeat(64),
        dossier_json: "{}".to_owned(),
        dossier_html: HOSTILE.concat(),
        created_at: timestamp_at(6),
    }
}

/// A project with a task and an agent of it, written down.
pub struct ProjectRecords {
    pub project: Project,
    pub task: Task,
    pub agent: Agent,
}

impl ProjectRecords {
    pub async fn insert(tx: &mut SqlTransaction, number: u32) -> Self {
        let project = project(number, &format!("shop-{number}"));
        projects::insert(tx, &project).await.unwrap();
        let task = task(&project, "T1");
        tasks::insert(tx, &task).await.unwrap();
        let agent = agent(&task);
        agents::insert(tx, &agent).await.unwrap();
        Self {
            project,
            task,
            agent,
        }
    }

    pub fn payer(&self) -> RequestPayer {
        RequestPayer {
            project: self.project.id,
            slug: self.project.slug.clone(),
            task: self.task.id,
            task_key: self.task.key.clone(),
            agent: self.agent.id,
            role: self.agent.role,
            worker: self.agent.worker.clone(),
            fence: self.agent.fence,
            rehearsal: false,
        }
    }
}
