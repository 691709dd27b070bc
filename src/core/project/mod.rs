//! A project: a client's brief, worked on until the delivery of a repository.

pub mod decision;
pub mod delivery;
pub mod isolation;
pub mod priority;
pub mod slug;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::ProjectId;
use super::money::MicroUsd;
use crate::InvalidTransition;
use crate::project::isolation::IsolationKind;
use crate::project::priority::ProjectPriority;

/// A client's brief and the state of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: ProjectId,
    /// Unique on this installation, from 1; the uid of the agents is derived from it.
    pub number: u32,
    /// The short name that people type.
    pub slug: String,
    pub name: String,
    pub client: String,
    /// The client's brief, unchanged.
    pub brief: String,
    pub state: ProjectState,
    /// Progress in percent.
    pub progress: u32,
    /// The rehearsal script that answers in place of a model, if any.
    pub rehearsal: Option<String>,
    /// Whether its agents have always run in a sandbox.
    pub sandboxed: bool,
    /// The isolation backend, if it differs from the configuration.
    pub isolation: Option<IsolationKind>,
    /// Incremented by each change of the row.
    pub version: i64,
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A project as lists show it: without its brief, and with its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSummary {
    /// The short name that people type.
    pub slug: String,
    pub name: String,
    pub client: String,
    pub state: ProjectState,
    /// Progress in percent.
    pub progress: u32,
    /// The rehearsal script that answers in place of a model, if any.
    pub rehearsal: Option<String>,
    /// Whether its agents have always run in a sandbox.
    pub sandboxed: bool,
    /// The isolation backend, if it differs from the configuration.
    pub isolation: Option<IsolationKind>,
    /// Its share of scarce resources.
    pub priority: ProjectPriority,
    pub limit: Option<MicroUsd>,
    pub spent: MicroUsd,
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A step between the brief and the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProjectStage {
    /// The brief exists; the work has not started.
    Created,
    Planning,
    /// The plan waits for the admin.
    PlanReview,
    /// The demos are next.
    PlanApproved,
    DemoBuilding,
    /// The demos wait for the admin.
    DemoReview,
    /// The approved demo is main; the build is next.
    DemoApproved,
    Building,
    /// All tasks are done; the verification is next.
    Built,
    /// The acceptance criteria are being checked.
    Verifying,
    /// All criteria are met; the delivery is next.
    Verified,
    Delivering,
}

impl ProjectStage {
    /// All stages in order.
    pub const ALL: [ProjectStage; 12] = [
        ProjectStage::Created,
        ProjectStage::Planning,
        ProjectStage::PlanReview,
        ProjectStage::PlanApproved,
        ProjectStage::DemoBuilding,
        ProjectStage::DemoReview,
        ProjectStage::DemoApproved,
        ProjectStage::Building,
        ProjectStage::Built,
        ProjectStage::Verifying,
        ProjectStage::Verified,
        ProjectStage::Delivering,
    ];

    /// Returns the name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ProjectStage::Created => "created",
            ProjectStage::Planning => "planning",
            ProjectStage::PlanReview => "planReview",
            ProjectStage::PlanApproved => "planApproved",
            ProjectStage::DemoBuilding => "demoBuilding",
            ProjectStage::DemoReview => "demoReview",
            ProjectStage::DemoApproved => "demoApproved",
            ProjectStage::Building => "building",
            ProjectStage::Built => "built",
            ProjectStage::Verifying => "verifying",
            ProjectStage::Verified => "verified",
            ProjectStage::Delivering => "delivering",
        }
    }

    /// Returns the progress in percent at the beginning of this stage.
    pub fn progress(self) -> u32 {
        match self {
            ProjectStage::Created | ProjectStage::Planning => 0,
            ProjectStage::PlanReview => 10,
            ProjectStage::PlanApproved | ProjectStage::DemoBuilding => 15,
            ProjectStage::DemoReview => 25,
            ProjectStage::DemoApproved | ProjectStage::Building => 30,
            ProjectStage::Built | ProjectStage::Verifying => 80,
            ProjectStage::Verified | ProjectStage::Delivering => 95,
        }
    }
}

/// The state of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum ProjectState {
    Active {
        stage: ProjectStage,
    },
    /// Paused by the admin; no worker works on it.
    Paused {
        /// The stage in which it resumes.
        stage: ProjectStage,
        since: Timestamp,
    },
    Delivered {
        at: Timestamp,
    },
    /// Archived; its files and history are kept.
    Archived {
        /// The stage before; `None` if it was delivered.
        stage: Option<ProjectStage>,
        delivered_at: Option<Timestamp>,
        since: Timestamp,
    },
}

/// An event in the life of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectEvent {
    StartPlanning,
    ProposePlan,
    RejectPlan,
    ApprovePlan,
    StartDemos,
    PresentDemos,
    RejectDemos,
    ApproveDemo,
    StartBuild,
    FinishBuild,
    StartVerification,
    FailVerification,
    PassVerification,
    StartDelivery,
    Deliver,
    Pause,
    /// The admin resumes it, or takes it out of the archive.
    Resume,
    Archive,
}

impl ProjectEvent {
    pub const ALL: [ProjectEvent; 18] = [
        ProjectEvent::StartPlanning,
        ProjectEvent::ProposePlan,
        ProjectEvent::RejectPlan,
        ProjectEvent::ApprovePlan,
        ProjectEvent::StartDemos,
        ProjectEvent::PresentDemos,
        ProjectEvent::RejectDemos,
        ProjectEvent::ApproveDemo,
        ProjectEvent::StartBuild,
        ProjectEvent::FinishBuild,
        ProjectEvent::StartVerification,
        ProjectEvent::FailVerification,
        ProjectEvent::PassVerification,
        ProjectEvent::StartDelivery,
        ProjectEvent::Deliver,
        ProjectEvent::Pause,
        ProjectEvent::Resume,
        ProjectEvent::Archive,
    ];

    /// Returns the event as a verb phrase, for messages and the audit trail.
    pub fn name(self) -> &'static str {
        match self {
            ProjectEvent::StartPlanning => "start planning",
            ProjectEvent::ProposePlan => "propose a plan",
            ProjectEvent::RejectPlan => "have its plan rejected",
            ProjectEvent::ApprovePlan => "have its plan approved",
            ProjectEvent::StartDemos => "start demos",
            ProjectEvent::PresentDemos => "present demos",
            ProjectEvent::RejectDemos => "have its demos rejected",
            ProjectEvent::ApproveDemo => "have a demo approved",
            ProjectEvent::StartBuild => "start to build",
            ProjectEvent::FinishBuild => "finish the build",
            ProjectEvent::StartVerification => "start verification",
            ProjectEvent::FailVerification => "fail verification",
            ProjectEvent::PassVerification => "pass verification",
            ProjectEvent::StartDelivery => "start delivery",
            ProjectEvent::Deliver => "be delivered",
            ProjectEvent::Pause => "be paused",
            ProjectEvent::Resume => "be resumed",
            ProjectEvent::Archive => "be archived",
        }
    }
}

impl ProjectState {
    pub const NEW: ProjectState = ProjectState::Active {
        stage: ProjectStage::Created,
    };

    /// Returns the name used as `status` in SQL and JSON.
    pub fn status(&self) -> &'static str {
        match self {
            ProjectState::Active { stage } => stage.name(),
            ProjectState::Paused { .. } => "paused",
            ProjectState::Delivered { .. } => "delivered",
            ProjectState::Archived { .. } => "archived",
        }
    }

    /// Returns the stage of an active project.
    pub fn stage(&self) -> Option<ProjectStage> {
        match self {
            ProjectState::Active { stage } => Some(*stage),
            ProjectState::Paused { .. }
            | ProjectState::Delivered { .. }
            | ProjectState::Archived { .. } => None,
        }
    }

    /// Returns the state after `event` at `now`.
    pub fn apply(&self, event: ProjectEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        let next = match self {
            ProjectState::Active { stage } => from_active(*stage, event, now),
            ProjectState::Paused { stage, .. } => from_paused(*stage, event, now),
            ProjectState::Delivered { at } => from_delivered(*at, event, now),
            ProjectState::Archived {
                stage,
                delivered_at,
                ..
            } => from_archived(*stage, *delivered_at, event),
        };
        next.ok_or(InvalidTransition {
            entity: "project",
            state: self.status(),
            event: event.name(),
        })
    }
}

fn from_active(stage: ProjectStage, event: ProjectEvent, now: Timestamp) -> Option<ProjectState> {
    match event {
        ProjectEvent::Pause => Some(ProjectState::Paused { stage, since: now }),
        ProjectEvent::Archive => Some(ProjectState::Archived {
            stage: Some(stage),
            delivered_at: None,
            since: now,
        }),
        ProjectEvent::Deliver => {
            (stage == ProjectStage::Delivering).then_some(ProjectState::Delivered { at: now })
        }
        event => {
            let (from, to) = stage_change(event)?;
            (stage == from).then_some(ProjectState::Active { stage: to })
        }
    }
}

/// Returns the stages before and after an event that moves an active project to another stage.
fn stage_change(event: ProjectEvent) -> Option<(ProjectStage, ProjectStage)> {
    use ProjectStage as Stage;
    let change = match event {
        ProjectEvent::StartPlanning => (Stage::Created, Stage::Planning),
        ProjectEvent::ProposePlan => (Stage::Planning, Stage::PlanReview),
        ProjectEvent::RejectPlan => (Stage::PlanReview, Stage::Planning),
        ProjectEvent::ApprovePlan => (Stage::PlanReview, Stage::PlanApproved),
        ProjectEvent::StartDemos => (Stage::PlanApproved, Stage::DemoBuilding),
        ProjectEvent::PresentDemos => (Stage::DemoBuilding, Stage::DemoReview),
        ProjectEvent::RejectDemos => (Stage::DemoReview, Stage::DemoBuilding),
        ProjectEvent::ApproveDemo => (Stage::DemoReview, Stage::DemoApproved),
        ProjectEvent::StartBuild => (Stage::DemoApproved, Stage::Building),
        ProjectEvent::FinishBuild => (Stage::Building, Stage::Built),
        ProjectEvent::StartVerification => (Stage::Built, Stage::Verifying),
        ProjectEvent::FailVerification => (Stage::Verifying, Stage::Building),
        ProjectEvent::PassVerification => (Stage::Verifying, Stage::Verified),
        ProjectEvent::StartDelivery => (Stage::Verified, Stage::Delivering),
        ProjectEvent::Deliver
        | ProjectEvent::Pause
        | ProjectEvent::Resume
        | ProjectEvent::Archive => return None,
    };
    Some(change)
}

fn from_paused(stage: ProjectStage, event: ProjectEvent, now: Timestamp) -> Option<ProjectState> {
    match event {
        ProjectEvent::Resume => Some(ProjectState::Active { stage }),
        ProjectEvent::Archive => Some(ProjectState::Archived {
            stage: Some(stage),
            delivered_at: None,
            since: now,
        }),
        ProjectEvent::StartPlanning
        | ProjectEvent::ProposePlan
        | ProjectEvent::RejectPlan
        | ProjectEvent::ApprovePlan
        | ProjectEvent::StartDemos
        | ProjectEvent::PresentDemos
        | ProjectEvent::RejectDemos
        | ProjectEvent::ApproveDemo
        | ProjectEvent::StartBuild
        | ProjectEvent::FinishBuild
        | ProjectEvent::StartVerification
        | ProjectEvent::FailVerification
        | ProjectEvent::PassVerification
        | ProjectEvent::StartDelivery
        | ProjectEvent::Deliver
        | ProjectEvent::Pause => None,
    }
}

fn from_delivered(at: Timestamp, event: ProjectEvent, now: Timestamp) -> Option<ProjectState> {
    (event == ProjectEvent::Archive).then_some(ProjectState::Archived {
        stage: None,
        delivered_at: Some(at),
        since: now,
    })
}

fn from_archived(
    stage: Option<ProjectStage>,
    delivered_at: Option<Timestamp>,
    event: ProjectEvent,
) -> Option<ProjectState> {
    if event != ProjectEvent::Resume {
        return None;
    }
    match (stage, delivered_at) {
        (Some(stage), _) => Some(ProjectState::Active { stage }),
        (None, Some(at)) => Some(ProjectState::Delivered { at }),
        (None, None) => None,
    }
}
