//! The hosts that agents reach from inside their sandboxes through a real gateway.

mod egress_door;
mod network_classes;
mod package_managers;
mod package_registry;
