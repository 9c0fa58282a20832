//! Rejections as they are found: the first of them to be listed, all to be counted, and where each row stands.

use crate::outcome::{REJECTIONS_LISTED, Rejection};
use parsers::position::{DumpId, Origin, Place};
use parsers::row::{FieldError, FieldReason, RowFault};
use parsers::table::Table;
use std::collections::{BTreeMap, HashMap};

/// The names of the dumps, by id.
#[derive(Clone, Debug, Default)]
pub struct DumpNames(pub Vec<String>);

impl DumpNames {
    /// The place of a row.
    #[must_use]
    pub fn place(&self, origin: Origin) -> Place {
        Place { dump: self.name(origin.dump).to_owned(), position: origin.position }
    }

    /// A dump's name.
    #[must_use]
    pub fn name(&self, dump: DumpId) -> &str {
        self.0.get(usize::from(dump.0)).map_or("", String::as_str)
    }
}

/// A held row that is set aside, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The table.
    pub table: Table,
    /// Where the row stands.
    pub origin: Origin,
    /// The digest of its bytes, where its key could not be read: the row that replaces it must be known by that.
    pub digest: Option<u128>,
}

/// Rejections of the rows that are held in memory.
#[derive(Clone, Debug, Default)]
pub struct Rejections {
    /// The first ones.
    pub listed: Vec<Rejection>,
    /// All rejected rows.
    pub rows: u64,
    /// All rejected rows by place.
    pub set_aside: Vec<SetAside>,
    /// Digests of the rows, by place, that can be read but have no key.
    pub keyless: HashMap<Origin, u128>,
    /// What each row breaks, by place, where that is wanted.
    pub reasons: Option<BTreeMap<Origin, Reason>>,
}

/// What a rejected row breaks.
#[derive(Clone, Debug)]
pub struct Reason {
    /// The table.
    pub table: Table,
    /// The rule, with the column and its value.
    pub rule: Box<str>,
    /// Whether the row could not be cut into fields, so that it is held nowhere.
    pub broken: bool,
    /// Whether a file of mended rows replaces it.
    pub replaced: bool,
}

impl Rejections {
    /// A row that breaks a rule, named.
    pub fn invalid(&mut self, names: &DumpNames, table: Table, origin: Origin, fault: &FieldError) {
        let mut rejection = Rejection::of_field(names.place(origin), table, fault);
        if let FieldReason::Repeated(first) = fault.reason {
            rejection.reason = format!("{}, at {}", rejection.reason, names.place(first));
        }
        self.note(table, origin, false, || rule_of(&rejection));
        self.list(rejection);
        self.count(table, origin, None);
    }

    /// A row that could not be cut into fields, named; `digest` is that of its bytes.
    pub fn broken(
        &mut self,
        names: &DumpNames,
        table: Table,
        origin: Origin,
        fault: &RowFault,
        digest: Option<u128>,
    ) {
        let rejection = Rejection::of_row(names.place(origin), table, fault);
        self.note(table, origin, true, || rule_of(&rejection));
        self.list(rejection);
        self.count(table, origin, digest);
    }

    /// What a row breaks, where that is kept.
    #[must_use]
    pub fn rule(&self, origin: Origin) -> Option<&str> {
        self.reasons.as_ref()?.get(&origin).map(|reason| &*reason.rule)
    }

    fn note(&mut self, table: Table, origin: Origin, broken: bool, rule: impl FnOnce() -> String) {
        if let Some(reasons) = &mut self.reasons {
            let reason = Reason { table, rule: rule().into(), broken, replaced: false };
            reasons.insert(origin, reason);
        }
    }

    /// Takes back the rejection of rows that `replaced` knows; answers their tables.
    pub fn take_back(&mut self, names: &DumpNames, replaced: impl Fn(&SetAside) -> bool) -> Vec<Table> {
        let mut tables = Vec::new();
        let (listed, reasons) = (&mut self.listed, &mut self.reasons);
        self.set_aside.retain(|row| {
            let taken = replaced(row);
            if taken {
                tables.push(row.table);
                let reason = reasons.as_mut().and_then(|reasons| reasons.get_mut(&row.origin));
                reason.into_iter().for_each(|reason| reason.replaced = true);
                let place = names.place(row.origin);
                listed.retain(|one| one.dump != place.dump || one.byte != place.position.byte);
            }
            !taken
        });
        self.rows -= u64::try_from(tables.len()).unwrap_or(0);
        tables
    }

    /// Where an invalid row stands in the list, if it is one of the first.
    #[must_use]
    pub fn listed_at(&self, names: &DumpNames, invalid: Origin) -> Option<usize> {
        let dump = names.name(invalid.dump);
        self.listed.iter().position(|one| one.byte == invalid.position.byte && one.dump == dump)
    }

    /// A row that is rejected with the invalid row of its group, which is in the list.
    pub fn with_culprit(
        &mut self,
        (table, origin): (Table, Origin),
        (culprit, listed_at): (Origin, Option<usize>),
        names: &DumpNames,
    ) {
        self.note(table, origin, false, || format!("falls with {}", names.place(culprit)));
        if let Some(invalid) = listed_at.and_then(|n| self.listed.get_mut(n)) {
            invalid.with += 1;
        }
        self.count(table, origin, None);
    }

    fn list(&mut self, rejection: Rejection) {
        if self.listed.len() < REJECTIONS_LISTED {
            self.listed.push(rejection);
        }
    }

    fn count(&mut self, table: Table, origin: Origin, digest: Option<u128>) {
        self.rows += 1;
        let digest = digest.or_else(|| self.keyless.get(&origin).copied());
        self.set_aside.push(SetAside { table, origin, digest });
    }
}

/// The column, its value, and the rule that it breaks.
#[must_use]
pub fn rule_of(rejection: &Rejection) -> String {
    match rejection.column {
        Some(column) => format!("{column}: {}", rejection.broken_rule()),
        None => rejection.broken_rule(),
    }
}
