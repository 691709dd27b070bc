//! Stops at every step that the product writes down on a server: within the open transaction, right
//! before its commit, and right after it.

use std::collections::BTreeSet;

use eklavya_testkit::install::TestInstall;
use eklavya_testkit::install::database::DatabaseObserver;
use eklavya_testkit::install::running::wait_until;

/// A step is an action of the audit trail with what happened to what, an event, the place that an
/// event is given, or a change of an entry of the ledger. Numbers are left out, so that tasks of
/// one kind are one.
///
/// A transaction is named by the first step in it, but for events: they come before what they tell
/// of. If it is new, it states its name and
/// waits for a lock that the test holds.
const WIRES: &str = "
    CREATE SCHEMA tripwire;
    CREATE TABLE tripwire.known (name TEXT PRIMARY KEY);
    CREATE TABLE tripwire.taken (
        number BIGINT GENERATED ALWAYS AS IDENTITY, transaction BIGINT NOT NULL, name TEXT NOT NULL
    );
    CREATE FUNCTION tripwire.trip() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        written JSONB := to_jsonb(NEW);
        details JSONB := coalesce(written->'details', '{}');
        step TEXT;
    BEGIN
        step := CASE TG_TABLE_NAME
            WHEN 'audit_logs' THEN concat_ws(' ', written->>'action', details->>'kind',
                details->>'task', coalesce(details->>'event', details->>'to'))
            WHEN 'ledger' THEN concat_ws(' ', 'ledger', written->>'status')
            ELSE concat_ws(' ', TG_TABLE_NAME, written->>'name')
        END;
        step := left(regexp_replace(step, '[0-9]+', '#', 'g'), 58);
        IF TG_TABLE_NAME <> 'unplaced_events'
            AND coalesce(current_setting('tripwire.first', true), '') = '' THEN
            PERFORM set_config('tripwire.first', step, true);
            IF NOT EXISTS (SELECT FROM tripwire.known WHERE name = step) THEN
                PERFORM set_config('application_name', 'at: ' || step, true);
                PERFORM pg_advisory_xact_lock_shared(4711, 1);
            END IF;
        END IF;
        INSERT INTO tripwire.taken (transaction, name) VALUES (txid_current(), step);
        RETURN NEW;
    END $$;
    CREATE TRIGGER tripwire BEFORE INSERT ON audit_logs
        FOR EACH ROW EXECUTE FUNCTION tripwire.trip();
    CREATE TRIGGER tripwire BEFORE INSERT ON unplaced_events
        FOR EACH ROW EXECUTE FUNCTION tripwire.trip();
    CREATE TRIGGER tripwire BEFORE INSERT ON events
        FOR EACH ROW EXECUTE FUNCTION tripwire.trip();
    CREATE TRIGGER tripwire BEFORE INSERT OR UPDATE ON ledger
        FOR EACH ROW EXECUTE FUNCTION tripwire.trip();
";

/// The two views are not of the same moment: who has begun to wait in between still has its own
/// name in the first, and is found by the next look.
const WAITING: &str = "SELECT a.application_name FROM pg_stat_activity a JOIN pg_locks l \
    ON l.pid = a.pid WHERE l.locktype = 'advisory' AND l.classid = 4711 AND NOT l.granted \
    AND a.application_name LIKE 'at: %'";

/// Where the product is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionPoint {
    /// In the transaction that begins with this step, and stays there.
    Before(String),
    /// Right after the commit of a transaction in which these steps are new.
    After(Vec<String>),
}

/// The wires, and the lock that they lead to.
pub struct CommitTripwires {
    observer: DatabaseObserver,
    met: BTreeSet<String>,
    seen: i64,
}

impl CommitTripwires {
    /// Installs the wires in the database of an installation.
    pub fn install(install: &TestInstall) -> Self {
        let mut observer = install.database.connect();
        observer.execute(WIRES);
        observer.execute("SELECT pg_advisory_lock(4711, 1)");
        Self {
            observer,
            met: BTreeSet::new(),
            seen: 0,
        }
    }

    /// Returns where the product is, if it is at a step that is new.
    pub fn next_point(&mut self) -> Option<TransactionPoint> {
        if let [waiting, ..] = &self.observer.rows(WAITING)[..] {
            let step = waiting[0].strip_prefix("at: ").unwrap();
            return Some(TransactionPoint::Before(step.to_owned()));
        }
        let taken = self.observer.rows(&format!(
            "SELECT number, name FROM tripwire.taken WHERE number > {} ORDER BY number",
            self.seen
        ));
        self.seen = taken.last()?[0].parse().unwrap();
        let names = taken.into_iter().map(|row| row[1].clone());
        let new: Vec<String> = names.filter(|name| self.met.insert(name.clone())).collect();
        (!new.is_empty()).then_some(TransactionPoint::After(new))
    }

    /// Ends the transactions whose owner is dead, as the server does once it notices, and lets
    /// those like them pass from now on.
    pub fn release_dead_transactions(&mut self) {
        for waiting in self.observer.rows(WAITING) {
            let step = waiting[0].strip_prefix("at: ").unwrap().replace('\'', "''");
            let known =
                format!("INSERT INTO tripwire.known VALUES ('{step}') ON CONFLICT DO NOTHING");
            self.observer.execute(&known);
        }
        self.observer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks \
             WHERE locktype = 'advisory' AND classid = 4711 AND NOT granted",
        );
        assert!(wait_until(|| self.observer.rows(WAITING).is_empty()));
    }

    /// Returns all steps that were met.
    pub fn met_steps(&self) -> Vec<&str> {
        self.met.iter().map(String::as_str).collect()
    }
}
