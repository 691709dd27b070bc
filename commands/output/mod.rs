//! Output. stdout carries only results; stderr carries messages, questions and progress.

pub mod escape;
mod grid;
mod json;
mod page;
mod printer;
mod progress;
mod prompt;
pub mod time;

pub use eklavya_core::state::{predicate, state_words};
pub use page::OutputPage;
pub use printer::{
    OutputPrinter, OutputView, TableRow, json_document, json_line, json_line_to, json_lines, lines,
    raw,
};
pub use progress::ProgressDisplay;
pub use prompt::TerminalPrompt;
