-- What all workers share about limits of others, where there is no server for it. `until_at` is the moment at which a pause ends, or at
-- which all that was counted against a rate is used up; `written_at` shows a clock that was set back.
CREATE TABLE rate_limits (
    name       TEXT    NOT NULL PRIMARY KEY,
    until_at   INTEGER NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;

-- One row: the name of this installation on servers that it shares with others.
CREATE TABLE installation (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id        BLOB    NOT NULL
) STRICT;
