//! The rules of the layout and the language that neither Cargo nor the compiler enforces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod english;
mod folders;
mod imports;
mod layers;
mod names;
mod rooms;
mod source;
