-- Each row of the audit trail carries the hash of the one before it in its chain: the chain of its project (whose
-- id is the project's), or the installation's own. The rows of before are moved over by the program, which computes
-- hashes in the same way for every database, in the same transaction.

DROP TRIGGER audit_logs_keep_rows ON audit_logs;
DROP TRIGGER audit_logs_keep_table ON audit_logs;
DROP INDEX audit_by_project;
ALTER TABLE audit_logs RENAME TO audit_logs_unchained;
ALTER TABLE audit_logs_unchained RENAME CONSTRAINT audit_logs_pkey TO audit_logs_unchained_pkey;
ALTER SEQUENCE audit_logs_id_seq RENAME TO audit_logs_unchained_id_seq;

-- The newest row of each chain; position 0 and no hash where there is none yet. Whoever adds a row locks it.
CREATE TABLE audit_chains (
    chain                 UUID             NOT NULL PRIMARY KEY,
    project_id            UUID             UNIQUE,
    position              BIGINT           NOT NULL,
    hash                  TEXT COLLATE "C",
    CHECK ((position = 0) = (hash IS NULL))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX audit_chains_installation ON audit_chains ((project_id IS NULL)) WHERE project_id IS NULL;

CREATE TABLE audit_logs (
    id                    BIGINT           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain                 UUID             NOT NULL,
    position              BIGINT           NOT NULL,
    previous_hash         TEXT COLLATE "C" NOT NULL,
    hash                  TEXT COLLATE "C" NOT NULL,
    timestamp             BIGINT           NOT NULL,
    project_id            UUID,
    agent_id              UUID,
    actor                 TEXT COLLATE "C" NOT NULL,
    action                TEXT COLLATE "C" NOT NULL,
    details               JSONB            NOT NULL,
    UNIQUE (chain, position)
);

CREATE TRIGGER audit_logs_keep_rows BEFORE UPDATE OR DELETE ON audit_logs
FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only();
CREATE TRIGGER audit_logs_keep_table BEFORE TRUNCATE ON audit_logs
FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only();

CREATE FUNCTION audit_logs_follow_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE audit_chains SET position = NEW.position, hash = NEW.hash
    WHERE chain = NEW.chain AND position = NEW.position - 1 AND (hash IS NULL OR hash = NEW.previous_hash);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'audit_logs is append-only: the row does not follow the head of its chain';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_logs_follow_head BEFORE INSERT ON audit_logs
FOR EACH ROW EXECUTE FUNCTION audit_logs_follow_head();

CREATE FUNCTION audit_chains_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.position = 0 THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND OLD.position = 0 THEN
        RETURN OLD;
    ELSIF TG_OP = 'UPDATE' AND NEW.chain = OLD.chain AND NEW.project_id IS NOT DISTINCT FROM OLD.project_id
        AND NEW.position = OLD.position + 1 AND NEW.hash IS DISTINCT FROM OLD.hash THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a chain of audit_logs only grows, row by row';
END $$;
CREATE TRIGGER audit_chains_grow BEFORE INSERT OR UPDATE OR DELETE ON audit_chains
FOR EACH ROW EXECUTE FUNCTION audit_chains_grow();
CREATE TRIGGER audit_chains_keep_table BEFORE TRUNCATE ON audit_chains
FOR EACH STATEMENT EXECUTE FUNCTION audit_chains_grow();

-- The installation's own chain; its id names the installation.
INSERT INTO audit_chains (chain, position) VALUES (gen_random_uuid(), 0);
