//! What agents reach beyond the model, from inside their sandboxes, through a real gateway.

mod egress_door;
mod network_classes;
mod package_managers;
mod package_registry;
