//! Karbor's tables: their columns as the contract fills them, and the values of a row.
//!
//! Karbor's rows are arrays of [`Value`] in the order of the table's columns here. What the target really has, and what it
//! calls things, is the [`layout`]'s affair.

pub mod ddl;
pub(crate) mod field;
pub mod ids;
pub mod json;
pub mod layout;
pub(crate) mod place;
pub mod rows;
pub mod tuple;

use parsers::value::Timestamp;

/// A value of a Karbor row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A point in time, UTC.
    Time(Timestamp),
    /// Text.
    Text(&'v str),
}

impl<'v> Value<'v> {
    /// The text, or NULL for the empty one, which means absent.
    #[must_use]
    pub fn text(text: &'v str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    /// An integer that may be absent.
    #[must_use]
    pub fn int(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }

    /// A time that may be absent.
    #[must_use]
    pub fn time(value: Option<Timestamp>) -> Self {
        value.map_or(Self::Null, Self::Time)
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text of at most so many characters.
    Varchar(u16),
    /// Text of any length.
    Text,
    /// A 32-bit integer.
    Integer,
    /// A boolean.
    Boolean,
    /// A timestamp without time zone, UTC.
    Timestamp,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Karbor's name of it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether a target without it is still a target: older Karbor releases lack some.
    pub optional: bool,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: true, optional: false }
}

const fn filled(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false, optional: false }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: true, optional: true }
}

/// A table that is written.
#[derive(Debug)]
pub struct Table {
    /// Karbor's name of it.
    pub name: &'static str,
    /// The columns that are written, in the order of the rows' values.
    pub columns: &'static [Column],
    /// A key that the target numbers itself.
    pub serial: bool,
    /// The columns that identify a row, by position; for tables numbered by the target, the ones that do it here.
    pub key: &'static [usize],
    /// `FOREIGN KEY` clauses, by column.
    pub references: &'static [(&'static str, &'static str)],
    /// Columns with an index of their own, and whether it is unique.
    pub indexes: &'static [(&'static str, bool)],
}

use Kind::{Boolean, Integer, Text, Timestamp as Time, Varchar};

/// Plans.
pub static PLANS: Table = Table {
    name: "plans",
    columns: &[
        filled("id", Varchar(36)),
        column("name", Varchar(255)),
        column("description", Varchar(255)),
        column("provider_id", Varchar(36)),
        column("project_id", Varchar(255)),
        column("status", Varchar(64)),
        column("parameters", Text),
        column("created_at", Time),
        optional("updated_at", Time),
        column("deleted", Boolean),
    ],
    serial: false,
    key: &[0],
    references: &[],
    indexes: &[],
};

/// Resources of plans.
pub static RESOURCES: Table = Table {
    name: "resources",
    columns: &[
        filled("plan_id", Varchar(36)),
        column("resource_id", Varchar(36)),
        column("resource_type", Varchar(64)),
        column("resource_name", Varchar(255)),
        optional("resource_extra_info", Text),
        column("created_at", Time),
        optional("updated_at", Time),
        column("deleted", Boolean),
    ],
    serial: true,
    key: &[0, 1],
    references: &[("plan_id", "plans (id)")],
    indexes: &[],
};

/// Triggers.
pub static TRIGGERS: Table = Table {
    name: "triggers",
    columns: &[
        filled("id", Varchar(36)),
        filled("name", Varchar(255)),
        filled("project_id", Varchar(255)),
        filled("type", Varchar(64)),
        filled("properties", Text),
        column("created_at", Time),
        optional("updated_at", Time),
        filled("deleted", Boolean),
    ],
    serial: false,
    key: &[0],
    references: &[],
    indexes: &[],
};

/// Scheduled operations.
pub static OPERATIONS: Table = Table {
    name: "scheduled_operations",
    columns: &[
        filled("id", Varchar(36)),
        filled("name", Varchar(255)),
        column("description", Varchar(255)),
        filled("operation_type", Varchar(64)),
        filled("user_id", Varchar(64)),
        filled("project_id", Varchar(255)),
        filled("trigger_id", Varchar(36)),
        filled("operation_definition", Text),
        filled("enabled", Boolean),
        column("created_at", Time),
        optional("updated_at", Time),
        filled("deleted", Boolean),
    ],
    serial: false,
    key: &[0],
    references: &[("trigger_id", "triggers (id)")],
    indexes: &[("trigger_id", false)],
};

/// States of scheduled operations.
pub static STATES: Table = Table {
    name: "scheduled_operation_states",
    columns: &[
        filled("operation_id", Varchar(36)),
        filled("service_id", Integer),
        filled("trust_id", Varchar(64)),
        filled("state", Varchar(32)),
        column("created_at", Time),
        filled("deleted", Boolean),
    ],
    serial: true,
    key: &[0],
    references: &[
        ("operation_id", "scheduled_operations (id) ON DELETE CASCADE"),
        ("service_id", "services (id)"),
    ],
    indexes: &[("operation_id", true)],
};

/// Checkpoint items: the copies.
pub static ITEMS: Table = Table {
    name: "checkpoint_items",
    columns: &[
        filled("id", Varchar(36)),
        column("created_at", Time),
        optional("updated_at", Time),
        optional("deleted_at", Time),
        column("deleted", Boolean),
        filled("checkpoint_id", Varchar(36)),
        filled("project_id", Varchar(255)),
        optional("user_id", Varchar(255)),
        column("provider_id", Varchar(36)),
        column("plan_id", Varchar(36)),
        filled("resource_id", Varchar(36)),
        optional("resource_name", Varchar(255)),
        column("resource_type", Varchar(64)),
        optional("resource_az", Varchar(255)),
        column("name", Varchar(255)),
        optional("description", Text),
        filled("status", Varchar(64)),
        filled("version", Varchar(16)),
        optional("size", Integer),
        optional("protected_at", Time),
        optional("backup_data", Text),
        column("extend_info", Text),
    ],
    serial: false,
    key: &[0],
    references: &[],
    indexes: &[("version", false), ("resource_id", false), ("checkpoint_id", false)],
};

/// The tables that are written, in the order that foreign keys ask for, the bulk table last.
pub static WRITTEN: [&Table; 6] = [&PLANS, &RESOURCES, &TRIGGERS, &OPERATIONS, &STATES, &ITEMS];

/// What an imported row says it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// VBS: the databases `cinder` and `autobackup`.
    Vbs,
    /// DPS: the database `dps`.
    Dps,
}

impl Source {
    /// The description of imported plans and operations.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Vbs => "imported_from_vbs",
            Self::Dps => "imported_from_dps",
        }
    }

    /// Whose tag a text is.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag {
            _ if tag == Self::Vbs.tag() => Some(Self::Vbs),
            _ if tag == Self::Dps.tag() => Some(Self::Dps),
            _ => None,
        }
    }

    /// The version of imported checkpoint items.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Vbs => "0.5",
            Self::Dps => "0.4",
        }
    }

    /// The prefix of names from which ids are derived.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Vbs => "vbs",
            Self::Dps => "dps",
        }
    }
}
