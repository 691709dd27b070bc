//! A project: one brief on its way to a delivered repository.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::InvalidTransition;
use super::ids::ProjectId;
use super::isolation::IsolationKind;
use super::money::MicroUsd;
use super::priority::Priority;

/// A client's brief and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identity.
    pub id: ProjectId,
    /// A number of its own on this installation, from 1; the agents' uid follows from it.
    pub number: u32,
    /// The short name that people type.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// For whom it is.
    pub client: String,
    /// The client's words, as they came.
    pub brief: String,
    /// Where it stands.
    pub state: ProjectState,
    /// How much of the work is done, in percent.
    pub progress: u32,
    /// The rehearsal script that answers in place of a model, if one does.
    pub rehearsal: Option<String>,
    /// Whether its agents have always run in a sandbox.
    pub sandboxed: bool,
    /// What holds its agents, where it is not what the configuration says.
    pub isolation: Option<IsolationKind>,
    /// Rises with every change of the row.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A project as lists show it: without its brief, and with its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The short name that people type.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// For whom it is.
    pub client: String,
    /// Where it stands.
    pub state: ProjectState,
    /// How much of the work is done, in percent.
    pub progress: u32,
    /// The rehearsal script that answers in place of a model, if one does.
    pub rehearsal: Option<String>,
    /// Whether its agents have always run in a sandbox.
    pub sandboxed: bool,
    /// What holds its agents, where it is not what the configuration says.
    pub isolation: Option<IsolationKind>,
    /// Its share of what is scarce.
    pub priority: Priority,
    /// The most that it may cost; nothing where there is no limit.
    pub limit: Option<MicroUsd>,
    /// What it has cost.
    pub spent: MicroUsd,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A step of the way from brief to delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The brief is there, nothing was done.
    Created,
    /// The plan is in the making.
    Planning,
    /// The plan waits for the admin.
    PlanReview,
    /// The plan stands; demos are next.
    PlanApproved,
    /// Demos are in the making.
    DemoBuilding,
    /// The demos wait for the admin.
    DemoReview,
    /// The winner is main; the build is next.
    DemoApproved,
    /// The team builds.
    Building,
    /// Every task is done; verification is next.
    Built,
    /// The acceptance criteria are being checked.
    Verifying,
    /// Every criterion holds; delivery is next.
    Verified,
    /// The delivery is being made.
    Delivering,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Stage; 12] = [
        Stage::Created,
        Stage::Planning,
        Stage::PlanReview,
        Stage::PlanApproved,
        Stage::DemoBuilding,
        Stage::DemoReview,
        Stage::DemoApproved,
        Stage::Building,
        Stage::Built,
        Stage::Verifying,
        Stage::Verified,
        Stage::Delivering,
    ];

    /// Returns the name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Created => "created",
            Stage::Planning => "planning",
            Stage::PlanReview => "planReview",
            Stage::PlanApproved => "planApproved",
            Stage::DemoBuilding => "demoBuilding",
            Stage::DemoReview => "demoReview",
            Stage::DemoApproved => "demoApproved",
            Stage::Building => "building",
            Stage::Built => "built",
            Stage::Verifying => "verifying",
            Stage::Verified => "verified",
            Stage::Delivering => "delivering",
        }
    }

    /// Returns the progress in percent that reaching this stage stands for.
    pub fn progress(self) -> u32 {
        match self {
            Stage::Created | Stage::Planning => 0,
            Stage::PlanReview => 10,
            Stage::PlanApproved | Stage::DemoBuilding => 15,
            Stage::DemoReview => 25,
            Stage::DemoApproved | Stage::Building => 30,
            Stage::Built | Stage::Verifying => 80,
            Stage::Verified | Stage::Delivering => 95,
        }
    }
}

/// Where a project stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum ProjectState {
    /// On its way.
    Active {
        /// The step it is at.
        stage: Stage,
    },
    /// Halted by the admin; nothing works on it.
    Paused {
        /// The step it goes on from.
        stage: Stage,
        /// Since when.
        since: Timestamp,
    },
    /// Delivered to the client.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Put away; its files and history are kept.
    Archived {
        /// The step it was at; none if it was delivered.
        stage: Option<Stage>,
        /// When it was delivered, if it was.
        delivered_at: Option<Timestamp>,
        /// Since when.
        since: Timestamp,
    },
}

/// What can happen to a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectEvent {
    /// Planning starts.
    StartPlanning,
    /// A plan is ready for the admin.
    ProposePlan,
    /// The admin wants another plan.
    RejectPlan,
    /// The admin approves the plan.
    ApprovePlan,
    /// The demos are to be built.
    StartDemos,
    /// The demos are ready for the admin.
    PresentDemos,
    /// The admin wants other demos.
    RejectDemos,
    /// The admin approves a demo.
    ApproveDemo,
    /// The team starts to build.
    StartBuild,
    /// Every task is done.
    FinishBuild,
    /// The criteria are to be checked.
    StartVerification,
    /// A criterion does not hold.
    FailVerification,
    /// Every criterion holds.
    PassVerification,
    /// The delivery is to be made.
    StartDelivery,
    /// The delivery is made.
    Deliver,
    /// The admin halts the project.
    Pause,
    /// The admin lets it go on, or takes it out of the archive.
    Resume,
    /// The admin puts it away.
    Archive,
}

impl ProjectEvent {
    /// All events.
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

    /// Returns the event as a verb, for messages and the audit trail.
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
    /// The state of a new project.
    pub const NEW: ProjectState = ProjectState::Active {
        stage: Stage::Created,
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

    /// Returns the step that an active project is at.
    pub fn stage(&self) -> Option<Stage> {
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
            ProjectState::Active { stage } => active(*stage, event, now),
            ProjectState::Paused { stage, .. } => paused(*stage, event, now),
            ProjectState::Delivered { at } => delivered(*at, event, now),
            ProjectState::Archived {
                stage,
                delivered_at,
                ..
            } => archived(*stage, *delivered_at, event),
        };
        next.ok_or(InvalidTransition {
            entity: "project",
            state: self.status(),
            event: event.name(),
        })
    }
}

fn active(stage: Stage, event: ProjectEvent, now: Timestamp) -> Option<ProjectState> {
    match event {
        ProjectEvent::Pause => Some(ProjectState::Paused { stage, since: now }),
        ProjectEvent::Archive => Some(ProjectState::Archived {
            stage: Some(stage),
            delivered_at: None,
            since: now,
        }),
        ProjectEvent::Deliver => {
            (stage == Stage::Delivering).then_some(ProjectState::Delivered { at: now })
        }
        ProjectEvent::Resume => None,
        ProjectEvent::StartPlanning => step(stage, Stage::Created, Stage::Planning),
        ProjectEvent::ProposePlan => step(stage, Stage::Planning, Stage::PlanReview),
        ProjectEvent::RejectPlan => step(stage, Stage::PlanReview, Stage::Planning),
        ProjectEvent::ApprovePlan => step(stage, Stage::PlanReview, Stage::PlanApproved),
        ProjectEvent::StartDemos => step(stage, Stage::PlanApproved, Stage::DemoBuilding),
        ProjectEvent::PresentDemos => step(stage, Stage::DemoBuilding, Stage::DemoReview),
        ProjectEvent::RejectDemos => step(stage, Stage::DemoReview, Stage::DemoBuilding),
        ProjectEvent::ApproveDemo => step(stage, Stage::DemoReview, Stage::DemoApproved),
        ProjectEvent::StartBuild => step(stage, Stage::DemoApproved, Stage::Building),
        ProjectEvent::FinishBuild => step(stage, Stage::Building, Stage::Built),
        ProjectEvent::StartVerification => step(stage, Stage::Built, Stage::Verifying),
        ProjectEvent::FailVerification => step(stage, Stage::Verifying, Stage::Building),
        ProjectEvent::PassVerification => step(stage, Stage::Verifying, Stage::Verified),
        ProjectEvent::StartDelivery => step(stage, Stage::Verified, Stage::Delivering),
    }
}

fn step(stage: Stage, from: Stage, to: Stage) -> Option<ProjectState> {
    (stage == from).then_some(ProjectState::Active { stage: to })
}

fn paused(stage: Stage, event: ProjectEvent, now: Timestamp) -> Option<ProjectState> {
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

fn delivered(at: Timestamp, event: ProjectEvent, now: Timestamp) -> Option<ProjectState> {
    (event == ProjectEvent::Archive).then_some(ProjectState::Archived {
        stage: None,
        delivered_at: Some(at),
        since: now,
    })
}

fn archived(
    stage: Option<Stage>,
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
