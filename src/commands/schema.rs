//! `etl schema`: the target's tables.

use crate::cli::{Dialect, SchemaArgs};
use pipeline::karbor::ddl;

/// The tables as SQL.
pub(super) fn schema(args: &SchemaArgs) -> String {
    ddl::script(match args.dialect {
        Dialect::Postgresql => ddl::Dialect::Postgres,
        Dialect::Sqlite => ddl::Dialect::Sqlite,
    })
}
