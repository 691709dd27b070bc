//! Agents: how they end, what they delegate, the commands that are run for them, and how the admin
//! intervenes.

mod abnormal_ends;
mod brokered_commands;
mod control;
mod delegation;
