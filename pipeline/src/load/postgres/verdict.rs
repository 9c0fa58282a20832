//! Finds out what became of a COMMIT whose answer was lost.
//!
//! The server is asked again on a new connection: once the old session is gone, which shows in its lock, a row of the run
//! is there and written by the run's transaction, or the transaction was rolled back.

use super::backend::Backend;
use super::failure::Failure;
use super::lock::{end_holder_sql, try_lock};
use crate::karbor::layout::{ColumnLayout, Format, Layout, Wire, quoted};
use crate::load::session::Presence;
use crate::progress::Cancel;
use connect::ConnInfo;
use parsers::encoding::Encoding;
use parsers::escape::{Dialect, unescape};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The pause before the second look; it doubles from look to look.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long one answer may take: a server that does not answer now may do so at the next look.
const ANSWER: Duration = Duration::from_secs(10);

/// Transaction numbers in rows are 32 bits of what txid_current() answers.
const XID: u64 = 0xffff_ffff;

/// The run's transaction, and which others were over just before its COMMIT was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ours {
    /// Its number, as txid_current() answers it.
    pub(super) txid: i64,
    /// What txid_current_snapshot() answered: `oldest:next:under,way`.
    pub(super) snapshot: String,
    /// The server's process.
    pub(super) process: i64,
}

impl Ours {
    /// Asks for the two.
    pub(super) const SQL: &str = "SELECT txid_current(), CAST(txid_current_snapshot() AS text)";

    /// Whether it wrote a row, by the number in the row.
    fn wrote(&self, xmin: u64) -> bool {
        u64::try_from(self.txid).is_ok_and(|txid| txid & XID == xmin & XID)
    }

    /// Whether a row was certainly written by a transaction that was over before the COMMIT was sent. Ours had changed that row by
    /// then, so that nobody else could: what is there now is what was there before.
    ///
    /// openGauss lists none of those under way (txid.cpp: `nxip = 0`), and its Ustore gives numbers below 3 to rows as new as ours:
    /// so an empty list proves nothing of numbers from `oldest` on, and such a number nothing at all.
    fn came_after(&self, xmin: u64) -> bool {
        let mut parts = self.snapshot.split(':');
        let mut number = || parts.next().and_then(|number| number.parse::<u64>().ok());
        let (Some(oldest), Some(next)) = (number(), number()) else { return false };
        let mut under_way = parts
            .next()
            .unwrap_or_default()
            .split(',')
            .filter_map(|txid| txid.parse::<u64>().ok())
            .peekable();
        let bound = if under_way.peek().is_some() { next } else { oldest };
        let xmin = xmin & XID;
        // Numbers go round, so that half of them lie behind each.
        let over = xmin >= 3 && (1..=XID / 2).contains(&((bound & XID).wrapping_sub(xmin) & XID));
        over && under_way.all(|txid| txid & XID != xmin)
    }
}

/// A row of this run, and how to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    /// The table, with its schema.
    table: String,
    /// The key's column, quoted.
    column: String,
    /// The key as text.
    key: String,
    /// What a COMMIT makes of it.
    after: Presence,
}

/// What became of a COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It took effect.
    Committed,
    /// It did not, and never will.
    NotCommitted,
    /// It could not be found out, because of this.
    Unknown(String),
}

impl Witness {
    /// The first row of `bytes`, which [`Layout::encode`] made; `None` where the target numbers the rows.
    pub(super) fn first(layout: &Layout, bytes: &[u8]) -> Option<Self> {
        let at = key_of(layout)?;
        let laid = layout.columns.get(at)?;
        let key = match layout.format {
            Format::Binary => binary_key(laid, at, bytes)?,
            Format::Text => {
                let line = bytes.split(|byte| *byte == b'\n').next()?;
                let field = std::str::from_utf8(line.split(|byte| *byte == b'\t').nth(at)?).ok()?;
                let mut key = String::new();
                unescape(field, Dialect::Copy, Encoding::Utf8, &mut key).ok()?;
                key
            }
            Format::Tagged => return None,
        };
        Self::new(layout, &key, Presence::Written)
    }

    /// The row with this key, which the transaction wrote or deleted; `None` where the target numbers the rows.
    pub(super) fn new(layout: &Layout, key: &str, after: Presence) -> Option<Self> {
        let laid = layout.columns.get(key_of(layout)?)?;
        Some(Self { table: layout.into.clone(), column: quoted(&laid.name), key: key.to_owned(), after })
    }

    /// Whose transaction wrote the row, for as long as nothing rewrites it. The key stands in the statement because its type
    /// is the column's, whatever that is.
    fn sql(&self) -> String {
        let key = self.key.replace('\\', "\\\\").replace('\'', "''");
        format!("SELECT CAST(xmin AS text) FROM {} WHERE {} = E'{key}'", self.table, self.column)
    }
}

/// Which of the columns is the key.
fn key_of(layout: &Layout) -> Option<usize> {
    let value = layout.table.key.first().filter(|_| !layout.table.serial)?;
    layout.columns.iter().position(|laid| laid.value == *value)
}

/// The field at `at` of the first tuple.
fn binary_key(laid: &ColumnLayout, at: usize, bytes: &[u8]) -> Option<String> {
    let (_count, mut rest) = bytes.split_first_chunk::<2>()?;
    for field in 0..=at {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (value, after) = after.split_at_checked(length)?;
        if field == at {
            return match laid.wire {
                Wire::Text => String::from_utf8(value.to_vec()).ok(),
                Wire::Uuid => Some(uuid::Uuid::from_slice(value).ok()?.to_string()),
                _ => None,
            };
        }
        rest = after;
    }
    None
}

/// Looks for the outcome until it is known or `patience` is over. A session that is still there when half of it is over is ended.
pub(super) fn find(settings: &ConnInfo, witness: &Witness, ours: &Ours, patience: Duration) -> Verdict {
    let begun = Instant::now();
    let deadline = begun + patience;
    let mut pause = PAUSE;
    loop {
        let end = begun.elapsed() >= patience / 2;
        let why = match look(settings, witness, ours, end) {
            Ok(verdict) => return verdict,
            Err(why) => why,
        };
        if Instant::now() + pause > deadline {
            let seconds = patience.as_secs();
            return Verdict::Unknown(format!("looked for the rows for {seconds} s, in vain: {why}"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX).min(patience / 8);
    }
}

/// One look; the error says why nothing can be said yet. With `end`, a session of the run that is still there is ended: its client
/// has given it up.
fn look(settings: &ConnInfo, witness: &Witness, ours: &Ours, end: bool) -> Result<Verdict, String> {
    // A request to stop would leave the operator without an answer.
    let deaf = Arc::new(Cancel::default());
    let within = settings.connect_timeout.map_or(ANSWER, |timeout| timeout.min(ANSWER));
    let settings = ConnInfo { connect_timeout: Some(within), ..settings.clone() };
    let backend = Backend::connect(&settings, &mut |_| None, &deaf, Some(ANSWER));
    let backend = backend.map_err(|error| error.to_string())?;
    let verdict = ask(&backend, witness, ours, end);
    backend.roll_back();
    backend.close();
    verdict
}

fn ask(backend: &Backend, witness: &Witness, ours: &Ours, end: bool) -> Result<Verdict, String> {
    let fails = |failure| backend.explain("looking for the rows", &failure).to_string();
    backend.begin("ISOLATION LEVEL READ COMMITTED").map_err(fails)?;
    let standby = backend.rows("SELECT pg_is_in_recovery()", &[]).map_err(fails)?;
    if standby.first().is_none_or(|row| row.get(0)) {
        return Err("only a standby answers".to_owned());
    }
    if !try_lock(backend).map_err(fails)? {
        if end {
            // The session that holds the lock and is the run's own, and no other.
            let sql = end_holder_sql(ours.process);
            let _ = backend.rows(&sql, &[]);
        }
        return Err("the session of this run still holds its lock".to_owned());
    }
    let rows = backend.rows(&witness.sql(), &[]).map_err(fails)?;
    let row = match (rows.first(), witness.after) {
        (None, Presence::Deleted) => return Ok(Verdict::Committed),
        (Some(_), Presence::Deleted) | (None, Presence::Written) => return Ok(Verdict::NotCommitted),
        (Some(row), Presence::Written) => row,
    };
    let xmin: String = row.get(0);
    match xmin.parse() {
        Ok(xmin) if ours.wrote(xmin) => return Ok(Verdict::Committed),
        Ok(xmin) if ours.came_after(xmin) => return Ok(Verdict::NotCommitted),
        _ => {}
    }
    if let Some(verdict) = recorded(backend, ours).map_err(fails)? {
        return Ok(verdict);
    }
    let Witness { table, key, .. } = witness;
    Ok(Verdict::Unknown(format!(
        "the row {key:?} of {table} is there, but was written by another transaction"
    )))
}

/// What the server has on record of the transaction: txid_status() came with PostgreSQL 10, pgxc_is_committed() is openGauss' of all
/// versions. Neither tells anything of a number that the server has forgotten.
fn recorded(backend: &Backend, ours: &Ours) -> Result<Option<Verdict>, Failure> {
    let known = backend.rows(
        "SELECT CAST(proname AS text) FROM pg_catalog.pg_proc WHERE proname IN ('txid_status', 'pgxc_is_committed') \
         ORDER BY 1",
        &[],
    )?;
    let Some(function) = known.first().map(|row| row.get::<_, String>(0)) else { return Ok(None) };
    let txid = ours.txid;
    let sql = if function == "txid_status" {
        format!("SELECT txid_status(CAST('{txid}' AS bigint))")
    } else {
        format!(
            "SELECT CASE WHEN pgxc_is_committed(CAST('{txid}' AS xid)) THEN 'committed' \
                 WHEN NOT pgxc_is_committed(CAST('{txid}' AS xid)) THEN 'aborted' END"
        )
    };
    let rows = backend.rows(&sql, &[])?;
    let status: Option<String> = rows.first().and_then(|row| row.get(0));
    Ok(match status.as_deref() {
        Some("committed") => Some(Verdict::Committed),
        Some("aborted") => Some(Verdict::NotCommitted),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karbor::layout::{Stored, Width};
    use crate::karbor::{PLANS, RESOURCES, Value};
    use crate::load::LOCK_KEY;
    use fixtures::server::shared;

    const UUID: &str = "0d663291-49fa-4231-8df3-0bf5613cdb52";

    #[test]
    fn the_first_rows_key_is_read_from_its_bytes() {
        for (format, wire, key) in [
            (Format::Binary, Wire::Text, UUID),
            (Format::Binary, Wire::Text, "it's a \\ key"),
            (Format::Binary, Wire::Uuid, UUID),
            (Format::Text, Wire::Text, "it's a \\\tkey"),
            (Format::Text, Wire::Unknown, UUID),
        ] {
            let mut layout = Layout::built_in(&PLANS, format);
            // The key need not come first in a target.
            layout.columns.truncate(2);
            layout.columns.reverse();
            let laid = ColumnLayout {
                value: 0,
                name: "i\"d".to_owned(),
                wire,
                width: Width::Unlimited,
                nullable: false,
                stored: Stored::Whole,
            };
            *layout.columns.last_mut().unwrap() = laid;
            let mut bytes = Vec::new();
            for (id, name) in [(key, Value::Null), (UUID, Value::Text("second"))] {
                layout.encode(&[Value::Text(id), name], &mut bytes).unwrap();
            }
            let witness = Witness::first(&layout, &bytes).unwrap();
            assert_eq!(witness.key, key, "{format:?} {wire:?}");
            assert_eq!(witness.column, "\"i\"\"d\"");
        }
        let witness = Witness {
            table: "t".to_owned(),
            column: "c".to_owned(),
            key: "it's \\".to_owned(),
            after: Presence::Written,
        };
        assert_eq!(witness.sql(), "SELECT CAST(xmin AS text) FROM t WHERE c = E'it''s \\\\'");
        let resources = Layout::built_in(&RESOURCES, Format::Text);
        assert_eq!(Witness::first(&resources, b"a\tb\n"), None, "the target numbers these rows");
    }

    #[test]
    fn a_row_that_was_there_before_is_told_from_one_that_came_later() {
        let around = XID + 1;
        for (snapshot, xmin, before) in [
            ("90:100:95", 99, true),
            ("90:100:95", 89, true),
            ("90:100:95", 100, false),
            ("90:100:95", 120, false),
            ("90:100:90,95", 95, false),
            ("90:100:90,95", 96, true),
            // openGauss lists nobody, so only what lies before the oldest is certain.
            ("90:100:", 89, true),
            ("90:100:", 90, false),
            ("90:100:", 99, false),
            // Frozen, or Ustore's number of any row whose undo is recycled.
            ("90:100:95", 2, false),
            ("90:100:", 2, false),
            // Numbers went round since the row was written, or are about to.
            (&format!("{}:{}:", around + 5, around + 9), XID - 4, true),
            (&format!("{}:{}:{}", around + 5, around + 9, around + 6), around + 8, true),
            (&format!("{}:{}:{}", around - 9, around - 5, around - 7), XID - 6, false),
            (&format!("{}:{}:", around - 9, around - 5), 7, false),
            ("", 99, false),
            ("90", 9, false),
        ] {
            let ours = Ours { txid: 98, snapshot: snapshot.to_owned(), process: 0 };
            assert_eq!(ours.came_after(xmin), before, "{snapshot} {xmin}");
        }
    }

    #[test]
    fn the_row_tells_whose_transaction_wrote_it() {
        let database = shared().create_db();
        shared().psql(&database, "CREATE TABLE t (c text PRIMARY KEY, n int)");
        let txid = shared()
            .psql(&database, &format!("BEGIN; INSERT INTO t VALUES ('it''s'); {}; COMMIT", Ours::SQL));
        let (txid, snapshot) = txid.split_once('|').unwrap();
        let ours = Ours { txid: txid.parse().unwrap(), snapshot: snapshot.to_owned(), process: 0 };
        let settings = ConnInfo::of_target(&format!("{}?sslmode=disable", shared().url(&database))).unwrap();
        let witness = |key: &str| Witness {
            table: "t".to_owned(),
            column: "c".to_owned(),
            key: key.to_owned(),
            after: Presence::Written,
        };
        let find = |key| find(&settings, &witness(key), &ours, Duration::from_secs(1));
        assert_eq!(find("it's"), Verdict::Committed);
        assert_eq!(find("absent"), Verdict::NotCommitted);
        let gone = |key| Witness { after: Presence::Deleted, ..witness(key) };
        let found = |key| super::find(&settings, &gone(key), &ours, Duration::from_secs(1));
        assert_eq!((found("it's"), found("absent")), (Verdict::NotCommitted, Verdict::Committed));
        // The number in the row has no epoch.
        let later = Ours { txid: ours.txid + (7 << 32), ..ours.clone() };
        assert_eq!(super::find(&settings, &witness("it's"), &later, Duration::ZERO), Verdict::Committed);

        let reason = |verdict| match verdict {
            Verdict::Unknown(why) => why,
            other => panic!("{other:?}"),
        };
        let hold = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK_KEY}); SELECT pg_sleep(600)");
        std::thread::scope(|scope| {
            scope.spawn(|| drop(shared().try_psql(&database, &hold)));
            let held = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND \
                        datname = current_database()";
            while shared().psql(&database, held) == "0" {
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(reason(find("it's")).contains("still holds its lock"));
            // Where it is the run's own session, it is ended.
            let process = shared().psql(&database, held).parse().unwrap();
            let ours = Ours { process, ..ours.clone() };
            let found = super::find(&settings, &witness("it's"), &ours, Duration::from_secs(5));
            assert_eq!(found, Verdict::Committed);
        });
        shared().psql(&database, "UPDATE t SET n = 1");
        // Another transaction wrote the row, but the server remembers what became of ours (PostgreSQL 10 and later).
        let major: u32 = shared().psql(&database, "SHOW server_version_num").parse::<u32>().unwrap() / 10_000;
        if major >= 10 {
            assert_eq!(find("it's"), Verdict::Committed);
            let aborted = format!("BEGIN; UPDATE t SET n = 2; {}; ROLLBACK; UPDATE t SET n = 3", Ours::SQL);
            let aborted = shared().psql(&database, &aborted);
            let (txid, snapshot) = aborted.split_once('|').unwrap();
            let ours = Ours { txid: txid.parse().unwrap(), snapshot: snapshot.to_owned(), process: 0 };
            let found = super::find(&settings, &witness("it's"), &ours, Duration::ZERO);
            assert_eq!(found, Verdict::NotCommitted);
        }
        // openGauss' function comes before PostgreSQL's; numbers have 64 bits there.
        if major >= 10 {
            shared().psql(
                &database,
                "CREATE FUNCTION pgxc_is_committed(xid) RETURNS boolean LANGUAGE sql AS 'SELECT CASE \
                 txid_status(CAST(CAST($1 AS text) AS bigint)) WHEN ''committed'' THEN false WHEN ''aborted'' THEN true END'",
            );
            // The other way round, to tell that it was asked.
            assert_eq!(find("it's"), Verdict::NotCommitted);
            shared().psql(&database, "DROP FUNCTION pgxc_is_committed(xid)");
        }
        // A number that is still to be given is none that the server knows anything of.
        let unknown = Ours { txid: ours.txid + 1_000, snapshot: String::new(), process: 0 };
        let found = super::find(&settings, &witness("it's"), &unknown, Duration::ZERO);
        assert!(matches!(found, Verdict::Unknown(_)), "{found:?}");
        shared().psql("postgres", &format!("DROP DATABASE {database}"));
        assert!(reason(find("it's")).contains("there is no database"));
    }
}
