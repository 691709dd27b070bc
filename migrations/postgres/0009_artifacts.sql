-- Files that show something about the work, such as pictures of pages. The content is a file in the project's directory, named by its
-- digest. `subject` is what it is about: "demo 2", or the key of a task. `url` and `title` are a page's own words.
CREATE TABLE artifacts (
    id         UUID             NOT NULL PRIMARY KEY,
    project_id UUID             NOT NULL REFERENCES projects (id),
    -- Nobody: the orchestrator.
    agent_id   UUID             REFERENCES agents (id),
    subject    TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    sha256     TEXT COLLATE "C" NOT NULL,
    bytes      BIGINT           NOT NULL,
    width      BIGINT           NOT NULL,
    height     BIGINT           NOT NULL,
    url        TEXT COLLATE "C" NOT NULL,
    title      TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL
);
CREATE INDEX artifacts_by_project ON artifacts (project_id, created_at);
