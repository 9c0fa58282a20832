//! `etl schema`: the target's tables.

use crate::maintain::args::{Dialect, SchemaArgs};
use pipeline::karbor::ddl;

/// The tables as SQL.
pub(crate) fn schema(args: &SchemaArgs) -> String {
    ddl::script(match args.dialect {
        Dialect::Postgresql => ddl::Dialect::Postgres,
        Dialect::Sqlite => ddl::Dialect::Sqlite,
    })
}
