-- What background workers do.

-- A project without a row has the priority in the middle: 5.
CREATE TABLE priorities (
    project_id     BLOB    NOT NULL PRIMARY KEY REFERENCES projects (id),
    priority       INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    id             BLOB    NOT NULL PRIMARY KEY,
    project_id     BLOB    NOT NULL REFERENCES projects (id),
    goal           TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    used_micros    INTEGER NOT NULL,
    worked_micros  INTEGER NOT NULL,
    requested_by   TEXT    NOT NULL,
    worker         TEXT,
    attempt        INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    ended_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX jobs_open ON jobs (project_id, goal)
    WHERE status IN ('queued', 'running', 'cancelling');
CREATE UNIQUE INDEX jobs_under_way ON jobs (project_id) WHERE status IN ('running', 'cancelling');
CREATE INDEX jobs_queue ON jobs (priority DESC, used_micros, created_at, id) WHERE status = 'queued';
CREATE INDEX jobs_by_project ON jobs (project_id, created_at);

CREATE TABLE workers (
    name           TEXT    NOT NULL PRIMARY KEY,
    host           TEXT    NOT NULL,
    machine        TEXT    NOT NULL,
    pid            INTEGER NOT NULL,
    process_start  INTEGER NOT NULL,
    home           TEXT    NOT NULL,
    directory      TEXT    NOT NULL,
    capacity       INTEGER NOT NULL,
    draining       INTEGER NOT NULL,
    started_at     INTEGER NOT NULL,
    heartbeat      INTEGER NOT NULL
) STRICT;

-- Agents that are to be started and for which there is no room yet; of meaning only while their
-- worker holds the project's lease.
CREATE TABLE capacity_waits (
    project_id     BLOB    NOT NULL PRIMARY KEY REFERENCES projects (id),
    worker         TEXT    NOT NULL,
    agents         INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    since          INTEGER NOT NULL
) STRICT;
