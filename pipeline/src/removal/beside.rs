//! Karbor's tables that no run writes, and whose rows go with the operations and triggers that they are about.
//!
//! Which of them a Karbor has depends on its age, so they are looked for and never required.

use super::marks::{ImportPredicates, key};
use crate::error::{Error, Result};
use crate::karbor::WRITTEN;
use crate::karbor::ddl::Dialect;
use crate::karbor::layout::quoted;
use crate::load::session::{Session, literal};

/// A table whose rows go with others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Karbor's name of it.
    pub(crate) name: &'static str,
    /// The column that names the row it goes with.
    column: &'static str,
    /// The set of the rows that it goes with.
    set: &'static str,
}

/// When a trigger fires next; Karbor keeps a row for each trigger. Without a foreign key.
pub(crate) const EXECUTIONS: Kind =
    Kind { name: "trigger_executions", column: "trigger_id", set: "etl_gone_trigger" };

/// What came of an operation's runs. They would cascade; deleted by name they are counted.
pub(crate) const LOGS: Kind =
    Kind { name: "scheduled_operation_logs", column: "operation_id", set: "etl_gone_operation" };

/// All of them, in the order in which their rows go.
pub(crate) const KINDS: [Kind; 2] = [EXECUTIONS, LOGS];

impl Kind {
    /// Which of its rows go, for an unaliased table.
    pub(crate) fn condition(self) -> String {
        format!("{} IN (SELECT key FROM {})", key(&quoted(self.column)), self.set)
    }

    /// The condition that PostgreSQL has such a table where it looks for tables.
    pub(crate) fn exists_in_postgres(self) -> String {
        format!(
            "EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname = '{}' AND c.relkind IN ('r', 'p') \
             AND pg_catalog.pg_table_is_visible(c.oid))",
            self.name
        )
    }

    /// The table as it stands in a statement, where the target has it.
    pub(crate) fn find(self, session: &mut dyn Session) -> Result<Option<String>> {
        let sql = match session.dialect() {
            Dialect::Postgres => format!(
                "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = '{}' AND c.relkind IN ('r', 'p') \
                 AND pg_catalog.pg_table_is_visible(c.oid)",
                self.name
            ),
            Dialect::Sqlite => {
                format!("SELECT name FROM sqlite_master WHERE type = 'table' AND name = '{}'", self.name)
            }
        };
        let mut found = None;
        session.query("looking for Karbor's tables", &sql, &mut |row| {
            found = row.first().copied().flatten().map(str::to_owned);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Refuses where this role may not delete from the tables. A run needs that right for next times alone, and only where schedules
/// change ([`crate::compare`] looks at it then).
///
/// # Errors
/// The rights that are missing, with the statement that grants them.
pub(crate) fn check_rights(session: &mut dyn Session, name: &str, marks: ImportPredicates<'_>) -> Result<()> {
    if marks.dialect == Dialect::Sqlite {
        return Ok(());
    }
    let mut tables: Vec<String> = WRITTEN.iter().map(|table| marks.table(table).to_owned()).collect();
    for kind in KINDS {
        tables.extend(kind.find(session)?);
    }
    let selects: Vec<_> = tables
        .iter()
        .map(|table| {
            let table = literal(table);
            // An empty table keeps nobody from deleting nothing; but it need not stay empty until then.
            format!("SELECT {table}, quote_ident(CAST(current_user AS text)) WHERE NOT has_table_privilege({table}, 'DELETE')")
        })
        .collect();
    let (mut lacking, mut role) = (Vec::new(), String::new());
    session.query("looking at this role's rights", &selects.join(" UNION ALL "), &mut |row| {
        if let [Some(table), Some(user)] = row {
            lacking.push((*table).to_owned());
            (*user).clone_into(&mut role);
        }
        Ok(())
    })?;
    if lacking.is_empty() {
        return Ok(());
    }
    let what = format!("{name}: the role {role} may not delete from {}", lacking.join(", "));
    let grant = format!("let the tables' owner run: GRANT DELETE ON {} TO {role}", lacking.join(", "));
    Err(Error::target(what, grant))
}
