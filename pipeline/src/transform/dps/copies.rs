//! DPS copies: one row of `backup_transaction_item` becomes one checkpoint item.

use crate::karbor::json::ExtendInfo;
use crate::karbor::rows::Item as ItemRow;
use crate::karbor::{Source, ids, json};
use crate::outcome::{Counted, Defer, Outcome, Skip};
use crate::transform::dps::plans_of_items::PlanOfItem;
use crate::transform::items::{Converted, CopyContext, Transform, line_in};
use crate::transform::vbs::{NOT_A_VOLUME, is_volume};
use parsers::json::is_number;
use parsers::models::dps::{Item, ItemColumns};
use parsers::row::{FieldError, FieldReason};
use parsers::scan::{Block, Chunk};
use parsers::table::Table;

/// Transforms blocks of `backup_transaction_item`.
#[derive(Clone, Debug)]
pub struct Items {
    /// The block's columns.
    pub columns: ItemColumns,
}

impl Transform for Items {
    fn chunk(&self, block: &Block, chunk: &Chunk, context: &CopyContext<'_>, out: &mut Converted) {
        const TABLE: Table = Table::BackupTransactionItem;
        let mut rows = block.rows(chunk);
        let mut scratch = String::new();
        while let Some(row) = rows.next() {
            let row = match row {
                Ok(row) => row,
                Err(bad) => {
                    let origin = block.origin(bad.position, bad.raw);
                    out.break_row(context, TABLE, origin, bad.raw, &bad.fault);
                    continue;
                }
            };
            let (item, fault) = self.columns.read(&row);
            out.newest = out.newest.max(item.times.updated.or(item.times.created));
            let replaced = !context.replaced.is_file(block.dump) && context.replaced.items.contains(item.id);
            let outcome = if replaced {
                Ok(Outcome::Skipped(Skip::Replaced))
            } else {
                convert(&item, fault, context, &mut scratch, &mut out.bytes)
            };
            let line = line_in(chunk.position, row.position());
            if !replaced {
                out.apart.push(item.id, line);
            }
            if !matches!(outcome, Ok(Outcome::Skipped(_))) {
                out.dps_ids.push(ids::digest(&[copy_id(&item)]));
            }
            let mut decided = match outcome {
                Ok(Outcome::Migrated) => {
                    out.migrated(chunk.position, row.position());
                    out.copies.migrated(counted(&item));
                    Outcome::Migrated.into()
                }
                Ok(outcome) => {
                    out.tally.count(outcome);
                    if matches!(outcome, Outcome::Deferred(_)) {
                        out.copies.deferred(item.status);
                        out.waiting.push(copy_id(&item), line);
                    }
                    outcome.into()
                }
                Err(fault) => {
                    out.waiting.push(copy_id(&item), line);
                    let origin = block.origin(row.position(), row.raw());
                    out.reject(context, TABLE, origin, row.raw(), item.id.is_empty(), &fault)
                }
            };
            if out.notes.are_wanted() {
                context.became(&mut decided, copy_id(&item));
                let at = context.names.place(block.origin(row.position(), row.raw()));
                let plan = ids::plan(Source::Dps, item.plan_id);
                let mentions = [item.backup_id, item.resource_id, item.plan_id, plan.as_str()];
                out.notes.note(TABLE, item.id, &at, &decided, &mentions);
            }
        }
    }
}

/// What the report counts of one copy.
fn counted<'i>(item: &Item<'i>) -> Counted<'i> {
    Counted {
        status: item.status,
        project_id: item.project_id,
        protected_at: item.started_at.unwrap_or(item.times.created_or_default()),
        gigabytes: item.size.unwrap_or(0),
        good: item.status != "error",
    }
}

/// The id of the copy: cinder's, which restore and delete need, else the row's own.
fn copy_id<'r>(item: &Item<'r>) -> &'r str {
    if item.backup_id.is_empty() { item.id } else { item.backup_id }
}

fn convert(
    item: &Item<'_>,
    fault: Option<FieldError>,
    context: &CopyContext<'_>,
    scratch: &mut String,
    bytes: &mut Vec<u8>,
) -> Result<Outcome, FieldError> {
    if item.deleted {
        return Ok(Outcome::Skipped(Skip::SoftDeleted));
    }
    let plan = context.dps_plans.0.get(item.plan_id).copied();
    if plan == Some(PlanOfItem::Group) {
        return Ok(Outcome::Skipped(Skip::ConsistencyGroup));
    }
    if !matches!(item.status, "available" | "error" | "") {
        return Ok(Outcome::Deferred(Defer::Unsteady));
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    let plan_id = if plan == Some(PlanOfItem::Migrated) { item.plan_id } else { "" };
    write(item, plan_id, context, scratch, bytes)?;
    Ok(Outcome::Migrated)
}

/// The digits of a number; 0 for what is none.
fn number_or_zero(text: &str) -> &str {
    let text = text.trim_ascii();
    if is_number(text) { text } else { "0" }
}

fn write(
    item: &Item<'_>,
    plan: &str,
    context: &CopyContext<'_>,
    scratch: &mut String,
    bytes: &mut Vec<u8>,
) -> Result<(), FieldError> {
    let rule = |column: &'static str, value: &str, reason: &str| {
        Err(FieldError::new(column, value, FieldReason::Rule(reason.to_owned())))
    };
    if !item.resource_type.is_empty() && !is_volume(item.resource_type) {
        return rule("resource_type", item.resource_type, NOT_A_VOLUME);
    }
    let id = copy_id(item);
    let id_column = if item.backup_id.is_empty() { "id" } else { "backup_id" };
    if id.chars().count() > 36 {
        return rule(id_column, id, "is longer than the 36 characters that an id can have in Karbor");
    }
    let plan_id = ids::plan(Source::Dps, plan);
    let plan_id = if plan.is_empty() { "" } else { plan_id.as_str() };
    let (speed, saving) = (number_or_zero(item.average_speed), number_or_zero(item.space_saving_ratio));
    let (mut size, mut volume_size) = (itoa::Buffer::new(), itoa::Buffer::new());
    let backup_type = item.backup_type.trim_ascii();
    let incremental = match backup_type {
        "" | "0" => false,
        "1" => true,
        _ if backup_type.eq_ignore_ascii_case("full") => false,
        _ if backup_type.eq_ignore_ascii_case("incremental") => true,
        _ => return rule("backup_type", item.backup_type, "is no kind of backup (full, incremental, 0, 1)"),
    };
    scratch.clear();
    let info = ExtendInfo {
        id,
        name: item.name,
        status: item.status,
        auto_trigger: !plan_id.is_empty() || item.name.starts_with("autobk_"),
        average_speed: speed,
        bootable: item.bootable == Some(true),
        fail_reason: item.fail_reason,
        replication: item.is_copy == Some(true),
        incremental,
        progress: "100",
        resource_az: item.availability_zone,
        volume_id: item.resource_id,
        size: item.backup_size.map_or("0", |n| size.format(n)),
        snapshot_id: item.snapshot_id,
        space_saving_ratio: saving,
        task_id: "",
        volume_size: item.size.map_or("0", |n| volume_size.format(n)),
    };
    json::extend_info(&info, scratch);
    let transaction = if item.transaction_id.is_empty() { item.id } else { item.transaction_id };
    let checkpoint = ids::checkpoint(Source::Dps, transaction);
    let row = ItemRow {
        id,
        checkpoint_id: checkpoint.as_str(),
        source: Source::Dps,
        project_id: item.project_id,
        user_id: item.user_id,
        provider_id: &context.settings.provider_id,
        plan_id,
        resource_id: item.resource_id,
        resource_az: item.availability_zone,
        name: item.name,
        description: item.description,
        status: item.status,
        size: item.size,
        protected_at: item.started_at.unwrap_or(item.times.created_or_default()),
        extend_info: scratch,
        times: item.times,
    };
    context.layout.encode(&row.values(), bytes).map_err(|misfit| {
        let column = match misfit.column {
            "id" => id_column,
            "resource_name" => "resource_id",
            "resource_az" => "availability_zone",
            own => own,
        };
        FieldError::new(column, &misfit.value, FieldReason::Rule(misfit.to_string()))
    })
}
