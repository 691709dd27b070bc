//! `config.yaml`: read, changed one key at a time, and written with the reference of all keys.

pub(crate) mod document;
pub(crate) mod edit;
mod line_edit;
pub(crate) mod reference;
