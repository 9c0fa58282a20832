//! Which columns of a row the dumps can speak of: what they cannot know is not compared. The rule is the runs' own ([`tells`]).

use crate::compare::sql::ITEMS;
use crate::compare::{SOURCES, Scope, Telling, tells};
use crate::karbor::Source;
use crate::karbor::layout::Layout;

/// What of one table's rows is not compared.
pub(super) struct Known {
    /// For each of [`SOURCES`], the columns of which the dumps know nothing.
    unknown: [Vec<usize>; 2],
    /// For each of them, the column of which they know all but the member `auto_trigger`.
    partly: [Option<usize>; 2],
}

impl Known {
    pub(super) fn new(table: usize, layout: &Layout, scope: &Scope) -> Self {
        let columns = |source: Source, whole: bool| {
            let columns = layout.columns.iter().enumerate().filter(move |(_, laid)| {
                let name = layout.karbors_name(laid);
                let told = tells(table, name);
                let unknown = matches!(told, Some(Telling::Of(fact)) if !scope.knows(fact, source));
                unknown && whole != is_mixed(table, name)
            });
            columns.map(|(place, _)| place)
        };
        Self {
            unknown: SOURCES.map(|source| columns(source, true).collect()),
            partly: SOURCES.map(|source| columns(source, false).next()),
        }
    }

    /// Whether a column is compared in rows of a source.
    pub(super) fn compares(&self, source: Source, place: usize) -> bool {
        !of(&self.unknown, source).is_some_and(|unknown| unknown.contains(&place))
    }

    /// Whether a column is compared but for its member `auto_trigger`.
    pub(super) fn compares_partly(&self, source: Source, place: usize) -> bool {
        of(&self.partly, source).is_some_and(|partly| *partly == Some(place))
    }
}

fn of<T>(by_source: &[T; 2], source: Source) -> Option<&T> {
    SOURCES.iter().position(|known| *known == source).and_then(|n| by_source.get(n))
}

/// Whether a column also tells what the dumps do know.
fn is_mixed(table: usize, name: &str) -> bool {
    table == ITEMS && name == "extend_info"
}

/// The tables without the columns that the dumps cannot speak of in any row: they need not even be read.
pub(super) fn spoken_of(layouts: &[Layout; 6], scope: &Scope, (service, trust): (bool, bool)) -> [Layout; 6] {
    let mut layouts = layouts.clone();
    for (table, layout) in layouts.iter_mut().enumerate() {
        let karbors = layout.table;
        layout.columns.retain(|laid| {
            let name = karbors.columns.get(laid.value).map_or("", |column| column.name);
            match tells(table, name) {
                Some(Telling::Service) => service,
                Some(Telling::Trust) => trust,
                Some(Telling::Of(fact)) => {
                    is_mixed(table, name) || scope.compared(table).any(|source| scope.knows(fact, source))
                }
                None => true,
            }
        });
    }
    layouts
}
