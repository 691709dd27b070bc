//! The agent's only door: model proxy, pricing and reservations, rehearsal.
