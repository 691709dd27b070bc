//! Agents: how they end, what they hand out, what is run for them, and how the admin steps in.

mod abnormal_ends;
mod brokered_commands;
mod control;
mod delegation;
