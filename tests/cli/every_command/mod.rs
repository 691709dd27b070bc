//! What holds for all commands: their help, the formats of their output, the generated pages, and how
//! lists read the database.

mod generated;
mod help;
mod output;
mod statements;
