-- Secrets of projects, sealed with a key that is not in the database. `key_id` says with which; `version` is a part of what is sealed, and
-- so are the project, the name and what it is for: no row can take another's place.
CREATE TABLE secrets (
    project_id     UUID             NOT NULL REFERENCES projects (id),
    name           TEXT COLLATE "C" NOT NULL,
    uses           TEXT COLLATE "C" NOT NULL,
    key_id         TEXT COLLATE "C" NOT NULL,
    sealed         BYTEA            NOT NULL,
    version        BIGINT           NOT NULL,
    set_by         TEXT COLLATE "C" NOT NULL,
    set_at         BIGINT           NOT NULL,
    PRIMARY KEY (project_id, name)
);
