-- Secrets of projects, sealed with a key that is not in the database. `key_id` says with which; `version` is a part of what is sealed, and
-- so are the project, the name and what it is for: no row can take another's place.
CREATE TABLE secrets (
    project_id BLOB    NOT NULL REFERENCES projects (id),
    name       TEXT    NOT NULL,
    uses       TEXT    NOT NULL,
    key_id     TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    set_by     TEXT    NOT NULL,
    set_at     INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT;
