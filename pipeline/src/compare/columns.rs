//! How each column of a row is compared: what the dumps cannot know is neither compared nor overwritten.

use super::scope::{Fact, SOURCES, Scope};
use super::sql::{ITEMS, OPERATIONS, PLANS, STATES, TRIGGERS};
use crate::karbor::Source;
use crate::karbor::layout::Layout;
use std::collections::BTreeSet;

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    /// By its value.
    Value,
    /// Not at all: the target's value stays.
    Never,
    /// extend_info but for its member `auto_trigger`, whose value in the target stays.
    ButAutoTrigger,
    /// A trust that is known takes the place of the placeholder; any other value in the target stays.
    Trust,
    /// A live service takes the place of one that is none; any other value in the target stays.
    Service,
}

/// How the service or the trust of states is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateValue {
    /// The settings name it: by its value.
    Named,
    /// The target named it: it only takes the place of what is no use.
    Found,
    /// Nobody named it.
    Unknown,
}

/// What a run knows beside the dumps.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) service: StateValue,
    pub(crate) trust: StateValue,
    /// The services that run operations, by id.
    pub(crate) live_services: BTreeSet<i64>,
}

impl Known {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self { service: StateValue::Unknown, trust: StateValue::Unknown, live_services: BTreeSet::new() }
    }
}

/// How the columns of a table are compared, for rows of each of [`SOURCES`].
#[derive(Clone, Debug)]
pub(crate) struct Columns([Vec<Compare>; 2]);

impl Columns {
    pub(crate) fn new(table: usize, layout: &Layout, scope: &Scope, known: &Known) -> Self {
        let of = |source| {
            let columns = layout.columns.iter().map(|laid| {
                let name = layout.karbors_name(laid);
                match (table, name) {
                    (STATES, "service_id") => match known.service {
                        StateValue::Named => Compare::Value,
                        StateValue::Found => Compare::Service,
                        StateValue::Unknown => Compare::Never,
                    },
                    (STATES, "trust_id") => match known.trust {
                        StateValue::Named => Compare::Value,
                        StateValue::Found => Compare::Trust,
                        StateValue::Unknown => Compare::Never,
                    },
                    _ => match fact_of(table, name) {
                        Some(fact) if !scope.knows(fact, source) => {
                            if name == "extend_info" {
                                Compare::ButAutoTrigger
                            } else {
                                Compare::Never
                            }
                        }
                        _ => Compare::Value,
                    },
                }
            });
            columns.collect()
        };
        Self(SOURCES.map(of))
    }

    /// For rows of a source, in the order of the layout's columns.
    pub(crate) fn of(&self, source: Source) -> &[Compare] {
        let Self([vbs, dps]) = self;
        match source {
            Source::Vbs => vbs,
            Source::Dps => dps,
        }
    }

    /// For rows whose source does not matter: where the sources differ, by value.
    pub(crate) fn of_any(&self, scope: &Scope, table: usize) -> Vec<Compare> {
        let compared: Vec<_> = scope.compared(table).collect();
        let [first, ..] = compared.as_slice() else { return self.of(Source::Vbs).to_vec() };
        let mut columns = self.of(*first).to_vec();
        for source in &compared {
            for (column, other) in columns.iter_mut().zip(self.of(*source)) {
                if column != other {
                    *column = Compare::Value;
                }
            }
        }
        columns
    }
}

/// What a column of a target table says that comes from source tables of its own, by Karbor's name of the column. Of
/// extend_info only the member `auto_trigger` does.
fn fact_of(table: usize, column: &str) -> Option<Fact> {
    Some(match (table, column) {
        (PLANS, "parameters") => Fact::Tags,
        (TRIGGERS, "properties") => Fact::Schedule,
        (OPERATIONS, "operation_definition") => Fact::Definition,
        (ITEMS, "plan_id" | "extend_info") => Fact::PlanOfCopy,
        _ => return None,
    })
}
