//! Serving the commit under verification, for those who verify it with a browser.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::error::WorkflowError;
use super::preview_names::Exhibition;
use super::site::Site;
use super::{trial, workspace};
use eklavya_core::domain::commit::CommitId;
use eklavya_core::domain::plan_document::PreviewPlan;
use eklavya_core::domain::secret::SecretUse;
use eklavya_git::remove_tree;
use eklavya_sandbox::{
    Access, Dirs, Preview, PreviewError, PreviewSource, PreviewSpec, Profile, Spec,
};
use eklavya_services::secrets::variables;

/// The product as it is served. It ends with this process in any case; what a killed one leaves is
/// removed as throw-away trees are.
pub(super) struct Exhibit {
    site: Site,
    root: PathBuf,
    preview: Option<Preview>,
}

impl Exhibit {
    /// Serves `commit` by the plan's preview, where there is a browser to look at it with.
    ///
    /// A product that does not start is no error: whoever opens its page is told why.
    pub(super) async fn open(
        site: &Site,
        commit: &CommitId,
        plan: PreviewPlan,
    ) -> Result<Option<Self>, WorkflowError> {
        if !site.is_sandboxed() || site.chromium().is_err() {
            return Ok(None);
        }
        let root = site.paths.scratch().join(Uuid::new_v4().to_string());
        let (shown, preview) = match start(site, &root, commit, plan).await? {
            Ok(preview) => (Exhibition::At(preview.address()), Some(preview)),
            Err(error) => {
                let reason = error.to_string();
                tracing::warn!("the product under verification is not served: {reason}");
                (Exhibition::Failed(reason), None)
            }
        };
        site.served.set(Some(shown));
        Ok(Some(Self {
            site: site.clone(),
            root,
            preview,
        }))
    }

    /// Ends it and removes its files.
    pub(super) async fn close(self) -> Result<(), WorkflowError> {
        self.site.served.set(None);
        if let Some(preview) = self.preview {
            preview.stop().await?;
        }
        remove_tree(&self.root).await?;
        Ok(())
    }
}

async fn start(
    site: &Site,
    root: &Path,
    commit: &CommitId,
    plan: PreviewPlan,
) -> Result<Result<Preview, PreviewError>, WorkflowError> {
    let dirs = workspace::lay_out(site, root, commit).await?;
    let (source, path) = match plan {
        PreviewPlan::Static { directory } => {
            let directory = directory.into();
            (PreviewSource::Static { directory }, "/".to_owned())
        }
        PreviewPlan::Command {
            command,
            port,
            path,
        } => {
            let line = command;
            (PreviewSource::Command { line, port }, path)
        }
    };
    let secrets = site.secrets_for(SecretUse::Previews).await?;
    let wanted = PreviewSpec {
        spec: spec(site, root, &dirs),
        source,
        env: trial::ENVIRONMENT
            .iter()
            .copied()
            .chain(variables(&secrets))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        listen: 0,
    };
    let mut preview = match Preview::start(&site.sandbox, wanted).await {
        Ok(preview) => preview,
        Err(error) => return Ok(Err(error)),
    };
    let healthy = preview.health(&path, site.config.stages.demo_health).await;
    if let Err(error) = healthy {
        preview.stop().await?;
        return Ok(Err(error));
    }
    Ok(Ok(preview))
}

fn spec(site: &Site, root: &Path, dirs: &Dirs) -> Spec {
    let mut spec = Spec::new(Profile::Command(Access::Write), dirs);
    spec.door = Some(dirs.door.clone());
    spec.user = site.user;
    spec.tmp_bytes = site.config.sandbox.tmp_bytes;
    spec.disk_bytes = site.config.sandbox.disk_bytes;
    spec.note = Some(root.join(trial::PROCESS));
    spec.redactor = site.desk.redactor().clone();
    spec
}
