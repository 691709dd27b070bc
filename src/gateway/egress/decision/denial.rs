//! The decision on a request, and why an agent may not reach a target.

use std::io;
use std::net::IpAddr;

use hyper::StatusCode;

use eklavya_core::egress::{EgressHost, EgressTarget, ForbiddenAddress};

/// The decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EgressDecision {
    Allowed,
    Denied,
    /// The policy allows it, but the target has no address or cannot be reached.
    Failed,
}

impl EgressDecision {
    /// Returns the word that the audit trail uses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            EgressDecision::Allowed => "allowed",
            EgressDecision::Denied => "denied",
            EgressDecision::Failed => "failed",
        }
    }
}

/// Why a target cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressDenial {
    /// The role may reach the model only.
    #[error("this role may reach only the model")]
    NoEgress,
    /// The host is not on the list.
    #[error("{target} is not in the host list of {key}")]
    NotListed {
        target: EgressTarget,
        /// The configuration key of the list.
        key: &'static str,
    },
    /// The target is not a preview of the project.
    #[error("{0} is not a ready preview of this project")]
    UnknownPreview(EgressTarget),
    /// The name resolves to a forbidden address.
    #[error("access to {name} is denied: {why}")]
    ForbiddenAddress {
        name: EgressHost,
        /// Why the address is forbidden.
        why: ForbiddenAddress,
    },
    /// The name resolves to an address of this machine.
    #[error("access to {name} is denied: {address} is an address of this machine")]
    LocalAddress { name: EgressHost, address: IpAddr },
    /// The name does not resolve.
    #[error("{name} has no address: {why}")]
    Unresolved {
        name: EgressHost,
        /// The resolver's error.
        why: io::Error,
    },
}

impl EgressDenial {
    /// Returns the HTTP status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            EgressDenial::Unresolved { .. } => StatusCode::BAD_GATEWAY,
            EgressDenial::NoEgress
            | EgressDenial::NotListed { .. }
            | EgressDenial::UnknownPreview(_)
            | EgressDenial::ForbiddenAddress { .. }
            | EgressDenial::LocalAddress { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// Returns the decision for the audit trail: a name that does not resolve was not forbidden.
    pub(crate) fn decision(&self) -> EgressDecision {
        match self {
            EgressDenial::Unresolved { .. } => EgressDecision::Failed,
            EgressDenial::NoEgress
            | EgressDenial::NotListed { .. }
            | EgressDenial::UnknownPreview(_)
            | EgressDenial::ForbiddenAddress { .. }
            | EgressDenial::LocalAddress { .. } => EgressDecision::Denied,
        }
    }
}
