//! In-process fan-out of news: the database is the truth, the bus only tells that it changed.
