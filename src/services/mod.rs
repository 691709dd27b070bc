//! Use cases that own transactions.
