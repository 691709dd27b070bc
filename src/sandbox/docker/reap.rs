//! Removing containers whose owners have ended.
//!
//! A container ends with its relay. What can be left is a container that was created and never started,
//! or one that the engine could not remove. They are found by their labels, never by name.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};

use super::DockerBackend;
use super::container_dir;
use super::container_owner::{ContainerOwner, INSTALLATION, OwnerState};
use crate::docker_error::DockerError;

impl DockerBackend {
    /// Removes the containers of this installation whose relays on this host have ended, and their
    /// directories. Returns the number of removed containers.
    ///
    /// # Errors
    /// The engine does not answer, or refuses.
    pub(crate) async fn remove_abandoned(&self) -> Result<usize, DockerError> {
        container_dir::remove_abandoned(&self.settings.stages);
        let client = self.engine.connect()?;
        let mut removed = 0;
        for id in self.list_abandoned(&client).await? {
            let options = RemoveContainerOptions {
                force: true,
                v: true,
                ..RemoveContainerOptions::default()
            };
            match client.remove_container(&id, Some(options)).await {
                Ok(()) => removed += 1,
                // Another worker or the engine removes it already.
                Err(Error::DockerResponseServerError {
                    status_code: 404 | 409,
                    ..
                }) => {}
                Err(error) => return Err(self.engine.request_error("remove a container", &error)),
            }
        }
        Ok(removed)
    }

    async fn list_abandoned(&self, client: &bollard::Docker) -> Result<Vec<String>, DockerError> {
        let label = format!("{INSTALLATION}={}", self.settings.installation);
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), vec![label])])),
            ..ListContainersOptions::default()
        };
        let found = client.list_containers(Some(options)).await;
        let found = found.map_err(|error| self.engine.request_error("list containers", &error))?;
        Ok(found
            .into_iter()
            .filter(|container| {
                let owner = container
                    .labels
                    .as_ref()
                    .and_then(ContainerOwner::from_labels);
                owner.is_some_and(|owner| owner.state() == OwnerState::Gone)
            })
            .filter_map(|container| container.id)
            .collect())
    }
}
