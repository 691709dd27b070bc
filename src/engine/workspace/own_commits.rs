//! Importing the commits that an agent made in its clone.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::command;
use eklavya_core::agent::Agent;
use eklavya_core::ids::commit::CommitId;
use eklavya_git::{ExcludedPath, ImportLimits, ImportOutcome, bundle_argv, retain_existing};
use eklavya_sandbox::role_policy::{GitAccess, role_policy};
use eklavya_sandbox::{
    MountAccess, ProgramSpec, SandboxProfile, SandboxSpec, StdioStreams, WorkspaceDirs,
};

/// How long git may take to pack the commits of an agent.
const BUNDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// The commits that the agent made, as far as they were imported.
#[derive(Debug, Default)]
pub(super) struct OwnCommits {
    pub tip: Option<CommitId>,
    /// The files that prevented the import.
    pub withheld: Vec<ExcludedPath>,
}

/// Imports the commits that the agent made. Its `.git` is not trusted: git reads it only inside a
/// sandbox, and only a bundle comes out.
pub(super) async fn import_own_commits(
    site: &Site,
    agent: &Agent,
    base: &CommitId,
) -> Result<OwnCommits, EngineError> {
    if role_policy(agent.role).git != GitAccess::Full {
        return Ok(OwnCommits::default());
    }
    let session = site.paths.session(agent.session);
    let bundle = session.join(format!("{}.bundle", agent.id));
    let made = make_bundle(site, agent, base, &bundle).await?;
    let found = if made {
        import_bundle(site, agent, base, &bundle).await?
    } else {
        OwnCommits::default()
    };
    match std::fs::remove_file(&bundle) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(EngineError::Io {
            path: bundle,
            source: error,
        }),
        Ok(()) | Err(_) => Ok(found),
    }
}

async fn make_bundle(
    site: &Site,
    agent: &Agent,
    base: &CommitId,
    bundle: &Path,
) -> Result<bool, EngineError> {
    let dirs = WorkspaceDirs::below(&site.paths.session(agent.session));
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Read), &dirs);
    spec.user = site.user;
    let file = std::fs::File::create(bundle).map_err(EngineError::io(bundle))?;
    let streams = StdioStreams {
        stdin: Stdio::null(),
        stdout: file.into(),
        stderr: Stdio::null(),
    };
    let mut child = site
        .sandbox
        .spawn(&spec, bundle_program(base), streams)
        .await?;
    if let Ok(exit) = tokio::time::timeout(BUNDLE_TIMEOUT, child.wait()).await {
        return Ok(exit?.is_success());
    }
    child.kill_tree().await?;
    Ok(false)
}

fn bundle_program(base: &CommitId) -> ProgramSpec {
    let program = ProgramSpec::new("/usr/bin/env", bundle_argv(base));
    let environment = command::COMMAND_ENVIRONMENT.iter();
    environment.fold(program, |program, (name, value)| program.env(*name, *value))
}

async fn import_bundle(
    site: &Site,
    agent: &Agent,
    base: &CommitId,
    bundle: &Path,
) -> Result<OwnCommits, EngineError> {
    let refname = format!("refs/eklavya/agents/{}", agent.id);
    let imported = site
        .repository
        .import_bundle(bundle, base, &refname, ImportLimits::default())
        .await?;
    let id = agent.id.short();
    match imported {
        ImportOutcome::History(tip) => Ok(OwnCommits {
            tip: Some(tip),
            ..OwnCommits::default()
        }),
        ImportOutcome::Nothing => Ok(OwnCommits::default()),
        ImportOutcome::Withheld { files } => {
            tracing::warn!(
                "the commits of agent {id} contain keys or secrets and are not kept; its files are kept"
            );
            let dirs = WorkspaceDirs::below(&site.paths.session(agent.session));
            Ok(OwnCommits {
                withheld: retain_existing(&dirs.clone, files)?,
                ..OwnCommits::default()
            })
        }
        ImportOutcome::Discarded { reason } => {
            tracing::warn!("the commits of agent {id} were discarded: {reason}");
            Ok(OwnCommits::default())
        }
    }
}
