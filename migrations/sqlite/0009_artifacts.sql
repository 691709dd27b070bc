-- Files that show something about the work, such as pictures of pages. The content is a file in the project's directory, named by its
-- digest. `subject` is what it is about: "demo 2", or the key of a task. `url` and `title` are a page's own words.
CREATE TABLE artifacts (
    id         BLOB    NOT NULL PRIMARY KEY,
    project_id BLOB    NOT NULL REFERENCES projects (id),
    -- Nobody: the orchestrator.
    agent_id   BLOB    REFERENCES agents (id),
    subject    TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    url        TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX artifacts_by_project ON artifacts (project_id, created_at);
