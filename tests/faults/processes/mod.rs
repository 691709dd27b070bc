//! Workers and agents that are killed, hang, are interrupted, or compete for a project.

mod frozen;
mod hang;
mod interrupt;
mod kill;
mod kill_at_steps;
mod random_kills;
mod rivals;
