//! A machine whose disk is full, whose clock jumps, or that lacks something.

mod clock;
mod disk;
mod environment;
