//! The preview of the product under verification, as the browsers of agents reach it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The product that is served for verification, shared by all users of a site; empty while nothing
/// is served.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServedPreview(Arc<Mutex<Option<PreviewState>>>);

#[derive(Debug, Clone)]
pub(crate) enum PreviewState {
    Serving(SocketAddr),
    /// Why the product could not be started.
    Failed(String),
}

impl ServedPreview {
    pub(crate) fn set(&self, state: Option<PreviewState>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn current(&self) -> Option<PreviewState> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.current()? {
            PreviewState::Serving(address) => Some(address),
            PreviewState::Failed(_) => None,
        }
    }

    /// Returns why the product could not be started.
    pub(crate) fn failure(&self) -> Option<String> {
        match self.current()? {
            PreviewState::Serving(_) => None,
            PreviewState::Failed(reason) => Some(reason),
        }
    }
}
