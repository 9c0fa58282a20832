//! `etl schema`: the target's tables.

use crate::maintain::args::{Dialect, SchemaArgs};
use pipeline::karbor::ddl;
use std::fmt::Write as _;

/// The tables as SQL.
pub(crate) fn schema(args: &SchemaArgs) -> String {
    let dialect = match args.dialect {
        Dialect::Postgresql => ddl::Dialect::Postgres,
        Dialect::Sqlite => ddl::Dialect::Sqlite,
    };
    let mut script = ddl::script(dialect);
    if args.trial {
        let engine = ddl::engine(None, dialect);
        let _ = write!(
            script,
            "\n-- For trials: no engine runs, but an import needs one that its operations are given to.\n{engine};\n"
        );
    }
    script
}
