//! An index that a deletion needs and Karbor lacks, for as long as the transaction lasts.
//!
//! The foreign key of `resources` makes the database look for the resources of each plan that goes, and without an index on
//! `plan_id` it reads the whole table each time: 20,000 plans with 60,000 resources take PostgreSQL a minute, in which
//! nobody else may write. Made and dropped in the one transaction, the index is never seen by anybody else.

use super::marks::ImportPredicates;
use crate::error::Result;
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::quoted;
use crate::karbor::{PLANS, RESOURCES};
use crate::load::session::{Session, count, literal};

/// The index.
const NAME: &str = "etl_resources_plan_id";

/// Rows that may be read in vain before an index is made: half a second's worth.
const READ_IN_VAIN: u64 = 10_000_000;

/// An index that was made, with the statement that drops it.
#[must_use = "what is made is dropped before the commit"]
pub(crate) struct Index {
    drop: Option<String>,
}

impl Index {
    /// Makes the index if `plans` are enough to be worth it, and this role may.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn make(session: &mut dyn Session, marks: ImportPredicates<'_>, plans: u64) -> Result<Self> {
        let doing = "making an index for the deletion";
        let resources = count(session, doing, &format!("SELECT count(*) FROM {}", marks.table(&RESOURCES)))?;
        if plans.saturating_mul(resources) < READ_IN_VAIN {
            return Ok(Self { drop: None });
        }
        let sql = match marks.dialect {
            Dialect::Postgres => format!("SELECT quote_ident(n.nspname) || '.' {}", lacking(marks)),
            Dialect::Sqlite => format!(
                "SELECT '' WHERE NOT EXISTS (SELECT 1 FROM pragma_index_list({}) l, pragma_index_info(l.name) i \
                 WHERE i.seqno = 0 AND i.name = {})",
                literal(&marks.layout(&RESOURCES).name),
                literal(column(marks)),
            ),
        };
        let mut schema = None;
        session.query(doing, &sql, &mut |row| {
            schema = row.first().copied().flatten().map(str::to_owned);
            Ok(())
        })?;
        let Some(schema) = schema else {
            tracing::info!(
                "no index is made on {}.{}: it has one, or this role may not make one",
                marks.layout(&RESOURCES).name,
                column(marks)
            );
            return Ok(Self { drop: None });
        };
        session.execute(doing, &create(marks))?;
        Ok(Self { drop: Some(format!("DROP INDEX {schema}{NAME}")) })
    }

    /// Drops it.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn drop(self, session: &mut dyn Session) -> Result<()> {
        match self.drop {
            Some(sql) => session.execute("dropping the index of the deletion", &sql).map(drop),
            None => Ok(()),
        }
    }
}

fn column<'l>(marks: ImportPredicates<'l>) -> &'l str {
    marks.layout(&RESOURCES).column("plan_id").unwrap_or("plan_id")
}

fn create(marks: ImportPredicates<'_>) -> String {
    format!("CREATE INDEX {NAME} ON {} ({})", marks.table(&RESOURCES), quoted(column(marks)))
}

/// Answers a row of the table and its schema (`n`) where PostgreSQL has no such index and this role may make one.
fn lacking(marks: ImportPredicates<'_>) -> String {
    format!(
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = {column} \
         WHERE c.oid = CAST({table} AS regclass) AND pg_has_role(c.relowner, 'USAGE') \
         AND has_schema_privilege(n.oid, 'CREATE') \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum) \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class o WHERE o.relnamespace = n.oid AND o.relname = '{NAME}')",
        column = literal(column(marks)),
        table = literal(marks.table(&RESOURCES)),
    )
}

/// The making as a part of a script.
pub(crate) fn made_by_script(marks: ImportPredicates<'_>) -> String {
    let set = super::sets::GONE.iter().find(|(of, _)| of.name == PLANS.name).map_or("", |(_, set)| set);
    format!(
        "DO $etl$
BEGIN
    IF (SELECT count(*) FROM {set}) * (SELECT count(*) FROM {resources}) >= {READ_IN_VAIN}
        AND EXISTS (SELECT 1 {lacking}) THEN
        EXECUTE $sql${create}$sql$;
    END IF;
END;
$etl$;
",
        resources = marks.table(&RESOURCES),
        lacking = lacking(marks),
        create = create(marks),
    )
}

/// The dropping as a part of a script.
pub(crate) fn dropped_by_script(marks: ImportPredicates<'_>) -> String {
    format!(
        "DO $etl$
DECLARE
    made text;
BEGIN
    SELECT quote_ident(n.nspname) || '.{NAME}' INTO made
    FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
        JOIN pg_catalog.pg_class i ON i.relnamespace = n.oid AND i.relname = '{NAME}'
    WHERE r.oid = CAST({table} AS regclass);
    IF made IS NOT NULL THEN
        EXECUTE 'DROP INDEX ' || made;
    END IF;
END;
$etl$;
",
        table = literal(marks.table(&RESOURCES)),
    )
}
