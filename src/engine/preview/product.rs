//! Serving the commit under verification to the browsers of its verifiers.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use uuid::Uuid;

use crate::context::error::EngineError;
use crate::context::served_preview::PreviewState;
use crate::context::site::Site;
use crate::workspace::{clone, command};
use eklavya_core::ids::commit::CommitId;
use eklavya_core::plan::document::PlannedPreview;
use eklavya_core::secret::{SecretName, SecretUse};
use eklavya_git::remove_tree;
use eklavya_sandbox::{
    MountAccess, PreviewError, PreviewServer, PreviewSource, PreviewSpec, SandboxProfile,
    SandboxSpec, WorkspaceDirs,
};
use eklavya_services::secrets::environment_variables;

/// The served product. It ends with this process; the files of a killed process are removed with the
/// other throw-away trees.
pub(crate) struct ProductPreview {
    site: Site,
    root: PathBuf,
    preview: Option<PreviewServer>,
}

impl ProductPreview {
    /// Serves `commit` with the preview of the plan, if a browser is available.
    ///
    /// A product that does not start is not an error: a browser that opens its page gets the reason.
    pub(crate) async fn open(
        site: &Site,
        commit: &CommitId,
        plan: PlannedPreview,
    ) -> Result<Option<Self>, EngineError> {
        if !site.is_sandboxed() || site.locate_chromium().is_err() {
            return Ok(None);
        }
        let root = site.paths.scratch().join(Uuid::new_v4().to_string());
        let (state, preview) = match start_preview(site, &root, commit, plan).await? {
            Ok(preview) => (PreviewState::Serving(preview.address()), Some(preview)),
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!("could not serve the product under verification: {reason}");
                (PreviewState::Failed(reason), None)
            }
        };
        site.served_preview.set(Some(state));
        Ok(Some(Self {
            site: site.clone(),
            root,
            preview,
        }))
    }

    pub(crate) async fn close(self) -> Result<(), EngineError> {
        self.site.served_preview.set(None);
        if let Some(preview) = self.preview {
            preview.stop().await?;
        }
        remove_tree(&self.root).await?;
        Ok(())
    }
}

async fn start_preview(
    site: &Site,
    root: &Path,
    commit: &CommitId,
    plan: PlannedPreview,
) -> Result<Result<PreviewServer, PreviewError>, EngineError> {
    let dirs = clone::checkout_throwaway(site, root, commit).await?;
    let (source, path) = preview_source(plan);
    let secrets = site.secrets_for(SecretUse::Previews).await?;
    let spec = PreviewSpec {
        spec: preview_sandbox_spec(site, root, &dirs),
        source,
        env: preview_environment(&secrets),
        listen: 0,
    };
    let mut preview = match PreviewServer::start(&site.sandbox, spec).await {
        Ok(preview) => preview,
        Err(error) => return Ok(Err(error)),
    };
    let healthy = preview
        .wait_until_healthy(&path, site.config.stages.demo_health)
        .await;
    if let Err(error) = healthy {
        preview.stop().await?;
        return Ok(Err(error));
    }
    Ok(Ok(preview))
}

/// Returns what serves the preview, and the path that must answer.
fn preview_source(plan: PlannedPreview) -> (PreviewSource, String) {
    match plan {
        PlannedPreview::Static { directory } => {
            let directory = directory.into();
            (PreviewSource::Static { directory }, "/".to_owned())
        }
        PlannedPreview::Command {
            command: line,
            port,
            path,
        } => (PreviewSource::Command { line, port }, path),
    }
}

fn preview_environment(secrets: &[(SecretName, SecretString)]) -> Vec<(String, String)> {
    command::COMMAND_ENVIRONMENT
        .iter()
        .copied()
        .chain(environment_variables(secrets))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn preview_sandbox_spec(site: &Site, root: &Path, dirs: &WorkspaceDirs) -> SandboxSpec {
    let mut spec = SandboxSpec::new(SandboxProfile::Command(MountAccess::Write), dirs);
    spec.door = Some(dirs.door.clone());
    spec.user = site.user;
    spec.tmp_bytes = site.config.sandbox.tmp_bytes;
    spec.disk_bytes = site.config.sandbox.disk_bytes;
    spec.pid_file = Some(root.join(command::PROCESS_FILE));
    spec.redactor = site.data.redactor().clone();
    spec
}
