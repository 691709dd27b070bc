-- What background workers do.

-- A project without a row has the priority in the middle: 5.
CREATE TABLE priorities (
    project_id     UUID             NOT NULL PRIMARY KEY REFERENCES projects (id),
    priority       BIGINT           NOT NULL
);

CREATE TABLE jobs (
    id             UUID             NOT NULL PRIMARY KEY,
    project_id     UUID             NOT NULL REFERENCES projects (id),
    goal           TEXT COLLATE "C" NOT NULL,
    status         TEXT COLLATE "C" NOT NULL,
    state          JSONB            NOT NULL,
    priority       BIGINT           NOT NULL,
    used_micros    BIGINT           NOT NULL,
    worked_micros  BIGINT           NOT NULL,
    requested_by   TEXT COLLATE "C" NOT NULL,
    worker         TEXT COLLATE "C",
    attempt        BIGINT           NOT NULL,
    version        BIGINT           NOT NULL,
    created_at     BIGINT           NOT NULL,
    started_at     BIGINT,
    ended_at       BIGINT
);
CREATE UNIQUE INDEX jobs_open ON jobs (project_id, goal)
    WHERE status IN ('queued', 'running', 'cancelling');
CREATE UNIQUE INDEX jobs_under_way ON jobs (project_id) WHERE status IN ('running', 'cancelling');
CREATE INDEX jobs_queue ON jobs (priority DESC, used_micros, created_at, id) WHERE status = 'queued';
CREATE INDEX jobs_by_project ON jobs (project_id, created_at);

CREATE TABLE workers (
    name           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    host           TEXT COLLATE "C" NOT NULL,
    machine        TEXT COLLATE "C" NOT NULL,
    pid            BIGINT           NOT NULL,
    process_start  BIGINT           NOT NULL,
    home           TEXT COLLATE "C" NOT NULL,
    directory      TEXT COLLATE "C" NOT NULL,
    capacity       BIGINT           NOT NULL,
    draining       BOOLEAN          NOT NULL,
    started_at     BIGINT           NOT NULL,
    heartbeat      BIGINT           NOT NULL
);

-- Agents that are to be started and for which there is no room yet; of meaning only while their
-- worker holds the project's lease.
CREATE TABLE capacity_waits (
    project_id     UUID             NOT NULL PRIMARY KEY REFERENCES projects (id),
    worker         TEXT COLLATE "C" NOT NULL,
    agents         BIGINT           NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    since          BIGINT           NOT NULL
);
