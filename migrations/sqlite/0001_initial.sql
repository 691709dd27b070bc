-- Moments are microseconds since the Unix epoch, UTC; money is micro-dollars; `state` is the JSON of
-- the entity's state machine, `status` its name, `version` what compare-and-swap compares.

CREATE TABLE projects (
    id          BLOB    NOT NULL PRIMARY KEY,
    number      INTEGER NOT NULL UNIQUE,
    slug        TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    client      TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    progress    INTEGER NOT NULL,
    rehearsal   TEXT,
    sandboxed   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    -- Last: what comes behind a long text is read through all of it.
    brief       TEXT    NOT NULL
) STRICT;

CREATE TABLE plans (
    id          BLOB    NOT NULL PRIMARY KEY,
    project_id  BLOB    NOT NULL REFERENCES projects (id),
    number      INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    document    TEXT,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (project_id, number)
) STRICT;

CREATE TABLE tasks (
    id              BLOB    NOT NULL PRIMARY KEY,
    project_id      BLOB    NOT NULL REFERENCES projects (id),
    key             TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    title           TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    criteria        TEXT    NOT NULL,
    depends_on      TEXT    NOT NULL,
    priority        INTEGER NOT NULL,
    estimate_micros INTEGER NOT NULL,
    status          TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    feedback        TEXT,
    session_id      BLOB,
    base_commit     TEXT,
    result          TEXT,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (project_id, key)
) STRICT;

CREATE TABLE agents (
    id              BLOB    NOT NULL PRIMARY KEY,
    project_id      BLOB    NOT NULL REFERENCES projects (id),
    task_id         BLOB    NOT NULL REFERENCES tasks (id),
    role            TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    pid             INTEGER,
    working_dir     TEXT    NOT NULL,
    session_id      BLOB    NOT NULL,
    attempt         INTEGER NOT NULL,
    sandboxed       INTEGER NOT NULL,
    rehearsal       INTEGER NOT NULL,
    model           TEXT    NOT NULL,
    worker          TEXT    NOT NULL,
    tokens_used     INTEGER NOT NULL,
    last_heartbeat  INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_by_project ON agents (project_id, created_at);
CREATE INDEX agents_by_task ON agents (task_id, created_at);

CREATE TABLE demos (
    id           BLOB    NOT NULL PRIMARY KEY,
    project_id   BLOB    NOT NULL REFERENCES projects (id),
    task_id      BLOB    NOT NULL REFERENCES tasks (id),
    number       INTEGER NOT NULL,
    round        INTEGER NOT NULL,
    direction    TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    commit_id    TEXT,
    preview_url  TEXT,
    preview_pid  INTEGER,
    preview_start INTEGER,
    feedback     TEXT,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    approved_at  INTEGER,
    UNIQUE (project_id, number)
) STRICT;

CREATE TABLE checkpoints (
    id                  BLOB    NOT NULL PRIMARY KEY,
    project_id          BLOB    NOT NULL REFERENCES projects (id),
    agent_id            BLOB    NOT NULL REFERENCES agents (id),
    state               TEXT    NOT NULL,
    file_snapshot       TEXT    NOT NULL,
    resume_instructions TEXT    NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT;

CREATE TABLE decisions (
    id          BLOB    NOT NULL PRIMARY KEY,
    project_id  BLOB    NOT NULL REFERENCES projects (id),
    subject     TEXT    NOT NULL,
    decision    TEXT    NOT NULL,
    feedback    TEXT,
    decided_by  TEXT    NOT NULL,
    decided_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE evidence (
    id          BLOB    NOT NULL PRIMARY KEY,
    project_id  BLOB    NOT NULL REFERENCES projects (id),
    round       INTEGER NOT NULL,
    criterion   TEXT    NOT NULL,
    commit_id   TEXT    NOT NULL,
    agent_id    BLOB    NOT NULL REFERENCES agents (id),
    role        TEXT    NOT NULL,
    command     TEXT,
    exit        TEXT,
    output      TEXT    NOT NULL,
    passed      INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (project_id, round, criterion)
) STRICT;

CREATE TABLE deliveries (
    id            BLOB    NOT NULL PRIMARY KEY,
    project_id    BLOB    NOT NULL UNIQUE REFERENCES projects (id),
    commit_id     TEXT    NOT NULL,
    tag           TEXT    NOT NULL,
    bundle        TEXT    NOT NULL,
    bundle_sha256 TEXT    NOT NULL,
    dossier_json  TEXT    NOT NULL,
    dossier_html  TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE budgets (
    scope           TEXT    NOT NULL,
    scope_id        BLOB    NOT NULL,
    limit_micros    INTEGER,
    reserved_micros INTEGER NOT NULL,
    spent_micros    INTEGER NOT NULL,
    warned_percent  INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id)
) STRICT;

CREATE TABLE ledger (
    id                    BLOB    NOT NULL PRIMARY KEY,
    project_id            BLOB    NOT NULL REFERENCES projects (id),
    task_id               BLOB    NOT NULL REFERENCES tasks (id),
    agent_id              BLOB    NOT NULL REFERENCES agents (id),
    role                  TEXT    NOT NULL,
    model                 TEXT    NOT NULL,
    rehearsal             INTEGER NOT NULL,
    status                TEXT    NOT NULL,
    reserved_micros       INTEGER NOT NULL,
    settled_micros        INTEGER,
    upper_bound           INTEGER NOT NULL,
    unknown_model         INTEGER NOT NULL,
    input_tokens          INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    web_searches          INTEGER NOT NULL,
    request_id            TEXT,
    worker                TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    settled_at            INTEGER
) STRICT;
CREATE INDEX ledger_by_project ON ledger (project_id, created_at);
CREATE INDEX ledger_open ON ledger (status) WHERE status = 'reserved';

CREATE TABLE leases (
    project_id    BLOB    NOT NULL PRIMARY KEY REFERENCES projects (id),
    worker        TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    process_start INTEGER NOT NULL,
    acquired_at   INTEGER NOT NULL,
    heartbeat     INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id  BLOB,
    name        TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_project ON events (project_id, seq);

CREATE TABLE audit_logs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp   INTEGER NOT NULL,
    project_id  BLOB,
    agent_id    BLOB,
    actor       TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    details     TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_project ON audit_logs (project_id, id);

CREATE TRIGGER audit_logs_keep_rows BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
CREATE TRIGGER audit_logs_keep_values BEFORE UPDATE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
