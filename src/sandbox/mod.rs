//! What an agent may touch, by role, and the sandbox that holds it to that.
