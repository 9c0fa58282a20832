//! What Karbor's operation engine does with imported operations, as tables.

use crate::base::number::grouped;
use crate::ui::page::{Page, TableRow};
use pipeline::engine::Engine;

/// What the operation engine does with the imported operations, and how many states each service reads.
pub(crate) fn tables(page: &mut Page, engine: &Engine) {
    let row = |name: String, rows: u64| TableRow { name, cells: vec![grouped(rows)], ..TableRow::default() };
    let mut rows = vec![row("fire".to_owned(), engine.firing)];
    rows.extend(
        engine
            .silent
            .iter()
            .map(|silent| row(format!("do not fire: {}", silent.obstacle.words()), silent.operations)),
    );
    page.table("After a restart of operationengine", &["operations"], &rows);
    let rows: Vec<TableRow> = engine
        .services
        .iter()
        .map(|service| row(format!("service {}", service.service_id), service.registered))
        .collect();
    page.table("Registered states", &["states"], &rows);
}
