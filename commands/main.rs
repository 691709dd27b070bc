//! The `eklavya` command.

fn main() {}
