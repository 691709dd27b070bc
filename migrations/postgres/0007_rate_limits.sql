-- What all workers share about limits of others, where there is no server for it. `until_at` is the moment at which a pause ends, or at
-- which all that was counted against a rate is used up; `written_at` shows a clock that was set back.
CREATE TABLE rate_limits (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    until_at   BIGINT           NOT NULL,
    written_at BIGINT           NOT NULL
);

-- One row: the name of this installation on servers that it shares with others.
CREATE TABLE installation (
    singleton BIGINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id        UUID   NOT NULL
);
