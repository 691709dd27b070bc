//! A machine whose disk is full, whose clock jumps, or that lacks a program.

mod clock;
mod disk;
mod environment;
