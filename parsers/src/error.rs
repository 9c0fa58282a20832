//! What can be wrong with a dump as a file.
//!
//! A bad *row* is no error of the file: it has one of the reasons in [`crate::row`] and becomes a rejection.
//! Everything here fails the run whatever the options.

use crate::position::Place;
use crate::table::Table;
use std::{fmt, io};

/// The result of reading a dump.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the file: what was expected, what was found, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Box<ErrorKind>);

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl Error {
    /// The facts.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// What the user can do about it, in one line.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.0.remedy()
    }
}

/// What a file is when it is no plain-text dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// `-F c`: begins with `PGDMP`.
    Custom,
    /// `-F t`: a tar archive.
    Tar,
    /// `-F d`: a directory with `toc.dat`.
    DumpDirectory,
    /// Any other directory.
    Directory,
    /// UTF-16 text, as some editors and shells write it.
    Utf16,
    /// Packed by a program whose files are not read.
    Packed(&'static str),
    /// A packed file in a packed file.
    PackedTwice,
    /// A dump of MySQL or MariaDB.
    MySql,
    /// A database of SQLite.
    Sqlite,
    /// A script of ours: [`crate::input::SCRIPT_HEADER`].
    Script,
    /// Neither text nor anything known; gs_dump's `--with-encryption` looks like this.
    Binary,
}

impl Foreign {
    fn what(self) -> String {
        let what = match self {
            Self::Packed(program) => return format!("this is packed with {program}, which is not read"),
            Self::PackedTwice => "this is packed twice",
            Self::MySql => "this is a dump of MySQL, not of PostgreSQL or openGauss",
            Self::Sqlite => "this is a database of SQLite, not a dump",
            Self::Script => "this is a script that etl wrote for a target, not a dump",
            Self::Custom => "this is a custom-format archive (-F c), not a plain-text dump",
            Self::Tar => "this is a tar archive (-F t), not a plain-text dump",
            Self::DumpDirectory => "this is a directory-format dump (-F d), not a plain-text dump",
            Self::Directory => "this is a directory, not a dump",
            Self::Utf16 => "this is UTF-16 text, not a dump as gs_dump wrote it",
            Self::Binary => {
                "this is neither text nor gzip nor zstd; it looks encrypted (--with-encryption) or damaged"
            }
        };
        what.to_owned()
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Custom | Self::Tar | Self::DumpDirectory => {
                "dump again with -F p, or turn it into text with gs_restore -f FILE.sql (pg_restore -f FILE.sql)"
            }
            Self::Directory => "name the dump files, not their folder",
            Self::Packed(_) => "unpack it and name the file that comes out, or pack that with gzip or zstd",
            Self::PackedTwice => "unpack it once (gunzip, zstd -d) and name the file that comes out",
            Self::MySql => "dump the databases that VBS and DPS use, with gs_dump -F p",
            Self::Sqlite => "name the dumps here, and a database that is to be loaded with --target",
            Self::Script => {
                "name the dumps that it was made from; psql -X -f FILE (gsql -f FILE) loads the script"
            }
            Self::Utf16 => "write the dump with gs_dump -f FILE, not through a shell that re-encodes it",
            Self::Binary => {
                "dump again without --with-encryption, or decrypt it first; compare its size and digest with the original"
            }
        }
    }
}

/// What wrote a file that is no dump, judged by what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// None of those below, or a hand.
    Another,
    /// DBeaver: each row of an INSERT on a line that begins with a tab and a blank.
    DBeaver,
    /// Huawei Data Studio: gs_dump's text with the header, the encoding and the closing comment taken out
    /// (`BatchExportDDLFilter`).
    DataStudio,
    /// Navicat, which says so in a comment.
    Navicat,
}

impl Maker {
    fn what(self) -> &'static str {
        match self {
            Self::Another => "what another program or a hand wrote",
            Self::DBeaver => "an export as DBeaver writes it",
            Self::DataStudio => "an export as Data Studio writes it",
            Self::Navicat => "an export of Navicat",
        }
    }
}

/// What was being done to a dump when the operating system failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It was opened.
    Opening,
    /// It was read, and a pipe's copy written.
    Reading,
    /// The file for a pipe's copy was made.
    Spooling,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "cannot be opened",
            Self::Reading => "cannot be read",
            Self::Spooling => "no spool file can be made",
        })
    }
}

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system could not read (or spool) the dump.
    #[error("{dump}: {doing}: {source}")]
    Io {
        /// The dump's name.
        dump: String,
        /// What was being done.
        doing: Doing,
        /// The system's answer.
        source: io::Error,
    },
    /// The compressed stream is damaged or cut off.
    #[error("{dump}: the {format} stream cannot be decompressed after {bytes} bytes of text: {source}")]
    Compressed {
        /// The dump's name.
        dump: String,
        /// `gzip` or `zstd`.
        format: &'static str,
        /// How much text came out before the damage.
        bytes: u64,
        /// The decompressor's answer.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{dump}: {}", found.what())]
    Foreign {
        /// The dump's name.
        dump: String,
        /// What it is.
        found: Foreign,
    },
    /// There is nothing in it.
    #[error("{dump}: the file is empty")]
    Empty {
        /// The dump's name.
        dump: String,
    },
    /// No table that etl knows is in it.
    #[error("{dump}: none of the tables that are migrated is in it ({})", seen(others))]
    NoKnownTable {
        /// The dump's name.
        dump: String,
        /// Tables it holds instead, the first few.
        others: Vec<String>,
    },
    /// The closing comment of a dump is missing.
    #[error(
        "{at}: the dump is cut off: it does not end with the line \"-- PostgreSQL database {}dump complete\"",
        if *cluster { "cluster " } else { "" }
    )]
    Incomplete {
        /// Where the file ends.
        at: Place,
        /// Whether it is the comment of a whole cluster that is missing (pg_dumpall, gs_dumpall).
        cluster: bool,
    },
    /// A dump begins before the one in front of it has its closing comment.
    #[error(
        "{at}: the dump that began in line {began} is cut off: another begins here, and the line \"-- PostgreSQL database dump complete\" is not between them"
    )]
    CutBefore {
        /// The opening comment of the next dump.
        at: Place,
        /// The line in which the dump that is cut off began.
        began: u64,
    },
    /// Table data without the comments that a dump begins and ends with.
    #[error(
        "{at}: this is no dump of gs_dump or pg_dump, whose first and last comments it lacks, but {}: nothing in it says that it is whole",
        by.what()
    )]
    Export {
        /// Where the file ends.
        at: Place,
        /// What made it, by its habits.
        by: Maker,
    },
    /// The file ends in the middle of table data.
    #[error(
        "{at}: the dump is cut off: the file ends inside the data of table {}, which began in line {began}",
        on_one_line(table)
    )]
    OpenBlock {
        /// Where the file ends.
        at: Place,
        /// The table.
        table: String,
        /// The line of its COPY or INSERT.
        began: u64,
    },
    /// The file ends in the middle of a statement, or a quote is never closed.
    #[error("{at}: the {what} that begins here is never closed")]
    Unterminated {
        /// Where it began.
        at: Place,
        /// What was open.
        what: &'static str,
    },
    /// Something that is no statement.
    #[error("{at}: {found:?} begins no SQL statement")]
    NoStatement {
        /// Where.
        at: Place,
        /// The first characters of it.
        found: String,
    },
    /// A backslash outside quotes: rows without their COPY line.
    #[error("{at}: a backslash outside quotes: this looks like table data without its COPY line")]
    StrayData {
        /// Where.
        at: Place,
    },
    /// A statement of a known table in a form that cannot be read.
    #[error("{at}: table {}: {}", on_one_line(table), on_one_line(problem))]
    Statement {
        /// Where the statement begins.
        at: Place,
        /// The table.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A required column is absent.
    #[error("{at}: table {table} has no column {column} (also looked for: {})", list(aliases))]
    MissingColumn {
        /// The statement that names the columns.
        at: Place,
        /// The table.
        table: String,
        /// The column.
        column: &'static str,
        /// Its other names.
        aliases: Vec<String>,
    },
    /// A table of a known name without the required columns, among many that are not known.
    #[error(
        "{at}: table {table} has no column {column}, and {others} tables beside it are not known either: this looks like another program's table of this name"
    )]
    OtherProgram {
        /// The statement that names the columns.
        at: Place,
        /// The table.
        table: Table,
        /// The column.
        column: &'static str,
        /// How many other tables there are.
        others: usize,
    },
    /// A table that has the columns of a known one, in a database of another name.
    #[error(
        "{at}: table {table} is in database {}, has the columns of the one that is looked for in database {home}, and {home} is not in the dump",
        on_one_line(database)
    )]
    OtherDatabase {
        /// The statement of its data.
        at: Place,
        /// The table.
        table: Table,
        /// The database that it is in.
        database: String,
        /// The database that the map says.
        home: String,
    },
    /// Known tables that no dump contains, each with one that may be it under another name.
    #[error("{}", others.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    OtherNames {
        /// The tables.
        others: Vec<OtherName>,
    },
    /// What the dumps lack of what the map looks for.
    #[error(
        "the dumps are not what the map of columns says; nothing was converted\n  {}",
        problems.join("\n  ")
    )]
    NotAsMapped {
        /// What is not as the map says, each in one line.
        problems: Vec<String>,
    },
    /// A statement that changes rows of a known table.
    #[error("{at}: {statement} changes rows of table {table}, which is not applied to what was read of them")]
    Changes {
        /// Where the statement begins.
        at: Place,
        /// Its first word.
        statement: String,
        /// The table.
        table: Table,
    },
    /// The same table in two schemas of one dump.
    #[error(
        "{at}: table {table} is in schema {}, and was in schema {} before: which one is meant?",
        on_one_line(second),
        on_one_line(first)
    )]
    TwoSchemas {
        /// Where the second one is.
        at: Place,
        /// The table.
        table: String,
        /// The first schema.
        first: String,
        /// The second schema.
        second: String,
    },
    /// A client_encoding that cannot be read.
    #[error("{at}: client_encoding {} is not supported", on_one_line(name))]
    Encoding {
        /// The SET statement.
        at: Place,
        /// The encoding's name.
        name: String,
    },
    /// The file is not what it was in the first pass.
    #[error("{dump}: the file changed while it was being read ({what})")]
    Changed {
        /// The dump's name.
        dump: String,
        /// How that showed.
        what: String,
    },
}

impl ErrorKind {
    fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded
                ) =>
            {
                "make room for the copy of the pipe, or name a folder on another disk with --spool-dir"
            }
            Self::Io { doing: Doing::Spooling, .. } => {
                "name a folder on disk with room for the dump: --spool-dir FOLDER"
            }
            Self::Io { doing, source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the name, and the folder that it is looked for in",
                io::ErrorKind::PermissionDenied => "let this user read the file, or run as one who may",
                _ if *doing == Doing::Reading => {
                    "read it with another program (cat FILE >/dev/null): if that fails too, look at its disk or share, else run again"
                }
                _ => return None,
            },
            Self::CutBefore { .. } => {
                "its dump program failed or was stopped, or the file was: dump again, each dump into a file of its own, and look at the program's exit status"
            }
            Self::Export { .. } => {
                "dump the database itself, on its node: gs_dump -F p -f FILE DATABASE (-t TABLE for single tables), and name FILE"
            }
            // zstd's own words (ZSTD_error_frameParameter_windowTooLarge); the stream is sound.
            Self::Compressed { source, .. } if source.to_string().contains("requires too much memory") => {
                "it is compressed with a larger window than etl has memory for: let zstd unpack it, `zstd -dc FILE | etl run -`"
            }
            Self::Compressed { .. }
            | Self::Incomplete { .. }
            | Self::OpenBlock { .. }
            | Self::Empty { .. } => {
                "copy the dump again and compare size and digest with the original; if they agree, dump again"
            }
            Self::Foreign { found, .. } => found.remedy(),
            Self::NoKnownTable { .. } => {
                "check that the right database was dumped, by a user who may read its tables; where they have other names, etl columns DUMP… > columns.toml proposes which is which"
            }
            Self::Unterminated { .. } | Self::NoStatement { .. } | Self::StrayData { .. } => {
                "the dump is cut off, damaged or was edited: look at this line, compare with the original, or dump again"
            }
            Self::Statement { .. } => {
                "dump the table again with gs_dump's defaults (COPY) or with --column-inserts"
            }
            Self::MissingColumn { .. } => {
                "if the column has another name, give it with --columns FILE (see `etl columns`)"
            }
            Self::OtherProgram { .. } => {
                "dump the databases of VBS and DPS alone; if it is the right table and its column has another name, give it with --columns FILE (see `etl columns`)"
            }
            Self::OtherDatabase { .. } => {
                "if the database has another name here, give it with --columns FILE ([TABLE] database = \"NAME\", see `etl columns`); else leave it out of the dump"
            }
            Self::OtherNames { .. } => {
                "say so with --columns FILE: [TABLE] names = [\"NAME\"], or names = [] where there is no such table (see `etl columns`)"
            }
            Self::NotAsMapped { .. } => {
                "etl columns DUMP… > columns.toml writes the map with what was found: confirm or mend its lines, then run again with --columns columns.toml"
            }
            Self::Changes { .. } => {
                "change the rows in the database and dump again, or take the statement out of the file if it is not meant"
            }
            Self::TwoSchemas { .. } => "dump only the schema that is in use (gs_dump -n SCHEMA)",
            Self::Encoding { .. } => "dump again with gs_dump -E UTF8",
            Self::Changed { .. } => "let the dump finish, then run again",
        })
    }
}

/// A table that may be a known one under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherName {
    /// Where it is.
    pub at: Place,
    /// What it is called there.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The known table that no dump contains.
    pub table: Table,
    /// How many of that one's columns it has.
    pub columns: usize,
}

impl fmt::Display for OtherName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, name, rows, table, columns } = self;
        let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        write!(
            f,
            "{at}: table {} ({rows}) has {columns} of the columns of {table}, which no dump contains: it looks like that table under another name",
            on_one_line(name)
        )
    }
}

/// How much of a text from a dump a message shows.
const SHOWN_CHARS: usize = 200;

/// A text from a dump as a message shows it: a damaged one may have line breaks in it, and no end.
pub fn on_one_line(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(SHOWN_CHARS) {
        match character {
            character if character.is_control() => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no other names".to_owned() } else { names.join(", ") }
}

fn seen(others: &[String]) -> String {
    if others.is_empty() {
        "it holds no table data".to_owned()
    } else {
        format!("it holds {}", on_one_line(&others.join(", ")))
    }
}
