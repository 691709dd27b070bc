-- Moments are microseconds since the Unix epoch, UTC; money is micro-dollars; `state` is the entity's
-- state machine, `status` its name, `version` what compare-and-swap compares. Texts are in the order of their bytes, as in
-- SQLite, whatever the locale of the server is.

CREATE TABLE projects (
    id                    UUID             NOT NULL PRIMARY KEY,
    number                BIGINT           NOT NULL UNIQUE,
    slug                  TEXT COLLATE "C" NOT NULL UNIQUE,
    name                  TEXT COLLATE "C" NOT NULL,
    client                TEXT COLLATE "C" NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    state                 JSONB            NOT NULL,
    progress              BIGINT           NOT NULL,
    rehearsal             TEXT COLLATE "C",
    sandboxed             BOOLEAN          NOT NULL,
    version               BIGINT           NOT NULL,
    created_at            BIGINT           NOT NULL,
    updated_at            BIGINT           NOT NULL,
    -- Last: what comes behind a long text is read through all of it.
    brief                 TEXT COLLATE "C" NOT NULL
);

CREATE TABLE plans (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    number                BIGINT           NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    state                 JSONB            NOT NULL,
    document              JSONB,
    version               BIGINT           NOT NULL,
    created_at            BIGINT           NOT NULL,
    UNIQUE (project_id, number)
);

CREATE TABLE tasks (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    key                   TEXT COLLATE "C" NOT NULL,
    kind                  TEXT COLLATE "C" NOT NULL,
    role                  TEXT COLLATE "C" NOT NULL,
    title                 TEXT COLLATE "C" NOT NULL,
    description           TEXT COLLATE "C" NOT NULL,
    criteria              JSONB            NOT NULL,
    depends_on            JSONB            NOT NULL,
    priority              BIGINT           NOT NULL,
    estimate_micros       BIGINT           NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    state                 JSONB            NOT NULL,
    attempt               BIGINT           NOT NULL,
    feedback              TEXT COLLATE "C",
    session_id            UUID,
    base_commit           TEXT COLLATE "C",
    result                JSONB,
    version               BIGINT           NOT NULL,
    created_at            BIGINT           NOT NULL,
    updated_at            BIGINT           NOT NULL,
    UNIQUE (project_id, key)
);

CREATE TABLE agents (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    task_id               UUID             NOT NULL REFERENCES tasks (id),
    role                  TEXT COLLATE "C" NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    state                 JSONB            NOT NULL,
    pid                   BIGINT,
    working_dir           TEXT COLLATE "C" NOT NULL,
    session_id            UUID             NOT NULL,
    attempt               BIGINT           NOT NULL,
    sandboxed             BOOLEAN          NOT NULL,
    rehearsal             BOOLEAN          NOT NULL,
    model                 TEXT COLLATE "C" NOT NULL,
    worker                TEXT COLLATE "C" NOT NULL,
    tokens_used           BIGINT           NOT NULL,
    last_heartbeat        BIGINT           NOT NULL,
    version               BIGINT           NOT NULL,
    created_at            BIGINT           NOT NULL
);
CREATE INDEX agents_by_project ON agents (project_id, created_at);
CREATE INDEX agents_by_task ON agents (task_id, created_at);

CREATE TABLE demos (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    task_id               UUID             NOT NULL REFERENCES tasks (id),
    number                BIGINT           NOT NULL,
    round                 BIGINT           NOT NULL,
    direction             TEXT COLLATE "C" NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    state                 JSONB            NOT NULL,
    commit_id             TEXT COLLATE "C",
    preview_url           TEXT COLLATE "C",
    preview_pid           BIGINT,
    preview_start         BIGINT,
    feedback              TEXT COLLATE "C",
    version               BIGINT           NOT NULL,
    created_at            BIGINT           NOT NULL,
    approved_at           BIGINT,
    UNIQUE (project_id, number)
);

CREATE TABLE checkpoints (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    agent_id              UUID             NOT NULL REFERENCES agents (id),
    state                 JSONB            NOT NULL,
    file_snapshot         TEXT COLLATE "C" NOT NULL,
    resume_instructions   TEXT COLLATE "C" NOT NULL,
    created_at            BIGINT           NOT NULL
);

CREATE TABLE decisions (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    subject               TEXT COLLATE "C" NOT NULL,
    decision              TEXT COLLATE "C" NOT NULL,
    feedback              TEXT COLLATE "C",
    decided_by            TEXT COLLATE "C" NOT NULL,
    decided_at            BIGINT           NOT NULL
);

CREATE TABLE evidence (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    round                 BIGINT           NOT NULL,
    criterion             TEXT COLLATE "C" NOT NULL,
    commit_id             TEXT COLLATE "C" NOT NULL,
    agent_id              UUID             NOT NULL REFERENCES agents (id),
    role                  TEXT COLLATE "C" NOT NULL,
    command               TEXT COLLATE "C",
    exit                  TEXT COLLATE "C",
    output                TEXT COLLATE "C" NOT NULL,
    passed                BOOLEAN          NOT NULL,
    reason                TEXT COLLATE "C" NOT NULL,
    created_at            BIGINT           NOT NULL,
    UNIQUE (project_id, round, criterion)
);

CREATE TABLE deliveries (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL UNIQUE REFERENCES projects (id),
    commit_id             TEXT COLLATE "C" NOT NULL,
    tag                   TEXT COLLATE "C" NOT NULL,
    bundle                TEXT COLLATE "C" NOT NULL,
    bundle_sha256         TEXT COLLATE "C" NOT NULL,
    dossier_json          TEXT COLLATE "C" NOT NULL,
    dossier_html          TEXT COLLATE "C" NOT NULL,
    created_at            BIGINT           NOT NULL
);

CREATE TABLE budgets (
    scope                 TEXT COLLATE "C" NOT NULL,
    scope_id              UUID             NOT NULL,
    limit_micros          BIGINT,
    reserved_micros       BIGINT           NOT NULL,
    spent_micros          BIGINT           NOT NULL,
    warned_percent        BIGINT           NOT NULL,
    PRIMARY KEY (scope, scope_id)
);

CREATE TABLE ledger (
    id                    UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             NOT NULL REFERENCES projects (id),
    task_id               UUID             NOT NULL REFERENCES tasks (id),
    agent_id              UUID             NOT NULL REFERENCES agents (id),
    role                  TEXT COLLATE "C" NOT NULL,
    model                 TEXT COLLATE "C" NOT NULL,
    rehearsal             BOOLEAN          NOT NULL,
    status                TEXT COLLATE "C" NOT NULL,
    reserved_micros       BIGINT           NOT NULL,
    settled_micros        BIGINT,
    upper_bound           BOOLEAN          NOT NULL,
    unknown_model         BOOLEAN          NOT NULL,
    input_tokens          BIGINT           NOT NULL,
    output_tokens         BIGINT           NOT NULL,
    cache_read_tokens     BIGINT           NOT NULL,
    cache_write_5m_tokens BIGINT           NOT NULL,
    cache_write_1h_tokens BIGINT           NOT NULL,
    web_searches          BIGINT           NOT NULL,
    request_id            TEXT COLLATE "C",
    worker                TEXT COLLATE "C" NOT NULL,
    created_at            BIGINT           NOT NULL,
    settled_at            BIGINT
);
CREATE INDEX ledger_by_project ON ledger (project_id, created_at);
CREATE INDEX ledger_open ON ledger (status) WHERE status = 'reserved';

CREATE TABLE leases (
    project_id            UUID             NOT NULL PRIMARY KEY REFERENCES projects (id),
    worker                TEXT COLLATE "C" NOT NULL,
    pid                   BIGINT           NOT NULL,
    process_start         BIGINT           NOT NULL,
    acquired_at           BIGINT           NOT NULL,
    heartbeat             BIGINT           NOT NULL,
    lease_until           BIGINT           NOT NULL
);

CREATE TABLE events (
    seq                   BIGINT           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id            UUID,
    name                  TEXT COLLATE "C" NOT NULL,
    payload               JSONB            NOT NULL,
    created_at            BIGINT           NOT NULL
);
CREATE INDEX events_by_project ON events (project_id, seq);

CREATE TABLE audit_logs (
    id                    BIGINT           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timestamp             BIGINT           NOT NULL,
    project_id            UUID,
    agent_id              UUID,
    actor                 TEXT COLLATE "C" NOT NULL,
    action                TEXT COLLATE "C" NOT NULL,
    details               JSONB            NOT NULL
);
CREATE INDEX audit_by_project ON audit_logs (project_id, id);

CREATE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit_logs is append-only'; END $$;
CREATE TRIGGER audit_logs_keep_rows BEFORE UPDATE OR DELETE ON audit_logs
FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only();
CREATE TRIGGER audit_logs_keep_table BEFORE TRUNCATE ON audit_logs
FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only();
