//! The Claude Code CLI: finding it, its command line, its stream, its sessions.
