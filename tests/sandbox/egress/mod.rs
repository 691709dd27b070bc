//! What agents reach beyond the model, from inside their sandboxes, through a real gateway.

mod classes;
mod managers;
mod registry;
mod way;
