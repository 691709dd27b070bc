-- Events get their places only once they are committed, so that nobody who reads on from a place can miss one, however
-- commits overlap. A change leaves its events in unplaced_events; place_events() moves what is committed there to events.

CREATE TABLE unplaced_events (
    id                    BIGINT           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id            UUID,
    name                  TEXT COLLATE "C" NOT NULL,
    payload               JSONB            NOT NULL,
    created_at            BIGINT           NOT NULL
);

ALTER TABLE events ALTER COLUMN seq DROP IDENTITY;

CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'events is append-only'; END $$;
CREATE TRIGGER events_keep_rows BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION events_append_only();
CREATE TRIGGER events_keep_table BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION events_append_only();

-- Gives every committed event the next place, tells the listeners once, and returns the newest place that it gave; NULL
-- where it gave none. One caller at a time works (lock 2). Whoever is not patient leaves as soon as another one waits
-- for its turn (lock 1): that one looks only afterwards, and so sees what the caller has committed. The locks' first
-- number is "ekla". Needs READ COMMITTED: every statement below has to see what was committed before it. The table is
-- nearly empty, but full of rows that were moved since it was last vacuumed: only an index knows how to pass them by.
CREATE FUNCTION place_events(patient boolean) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE newest bigint;
BEGIN
    IF patient THEN
        PERFORM pg_advisory_xact_lock(1701538913, 2);
    ELSIF pg_try_advisory_lock(1701538913, 1) THEN
        BEGIN
            IF NOT pg_try_advisory_xact_lock(1701538913, 2) THEN
                -- Many write: a larger batch leaves the server to them.
                PERFORM pg_sleep(0.005);
                PERFORM pg_advisory_xact_lock(1701538913, 2);
            END IF;
        EXCEPTION WHEN OTHERS OR query_canceled THEN
            PERFORM pg_advisory_unlock(1701538913, 1);
            RAISE;
        END;
        PERFORM pg_advisory_unlock(1701538913, 1);
    ELSE
        RETURN NULL;
    END IF;
    WITH moved AS (DELETE FROM unplaced_events WHERE id > 0 RETURNING *),
    placed AS (
        INSERT INTO events (seq, project_id, name, payload, created_at)
        SELECT (SELECT COALESCE(max(seq), 0) FROM events) + row_number() OVER (ORDER BY id),
            project_id, name, payload, created_at
        FROM moved ORDER BY id
        RETURNING seq
    )
    SELECT max(seq) INTO newest FROM placed;
    IF newest IS NOT NULL THEN
        PERFORM pg_notify('eklavya_events', newest::text);
    END IF;
    RETURN newest;
END $$;
