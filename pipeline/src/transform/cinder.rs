//! VBS copies: a row of cinder's `backups` becomes a checkpoint item of version 0.5.

use crate::karbor::json::ExtendInfo;
use crate::karbor::rows::Item;
use crate::karbor::{Source, ids, json};
use crate::outcome::{Counted, Defer, Outcome, Skip};
use crate::row_outcomes::{Decided, Notes};
use crate::transform::items::{Converted, CopyContext, Transform, line_in};
use parsers::json::{self as source_json, Raw};
use parsers::models::cinder::{Backup, Columns};
use parsers::position::Place;
use parsers::row::{FieldError, FieldReason, shortened};
use parsers::scan::{Block, Chunk};
use parsers::table::Table;
use std::borrow::Cow;

/// Transforms blocks of `backups`.
#[derive(Clone, Debug)]
pub struct Backups {
    /// The block's columns.
    pub columns: Columns,
}

impl Backups {
    /// Why it cannot be known whether a copy is VBS's: that depends on its driver, which the dump does not say.
    fn without_service(&self, backup: &Backup<'_>, context: &CopyContext<'_>) -> Option<FieldError> {
        let unknown = context.settings.backup_services.is_some() && !self.columns.says_service();
        (unknown && !backup.deleted).then(|| {
            let reason = "is a column that this dump lacks, so it is not known whose copy this is (setting backup_services)";
            FieldError::new("service", "", FieldReason::Rule(reason.to_owned()))
        })
    }
}

/// Whether a copy was made by a driver that is not VBS's. One that is still being made may have none yet.
fn is_of_other_service(backup: &Backup<'_>, context: &CopyContext<'_>) -> bool {
    let Some(services) = &context.settings.backup_services else { return false };
    let begun = !backup.service.is_empty() || steady_status(backup.status).is_some();
    begun && !services.iter().any(|service| service == backup.service)
}

/// Karbor's status of a steady copy: where only a restore or a deletion failed, the copy's own.
fn steady_status(status: &str) -> Option<&'static str> {
    match status {
        "available" | "error_restoring" => Some("available"),
        "error" | "error_deleting" => Some("error"),
        _ => None,
    }
}

impl Transform for Backups {
    fn chunk(&self, block: &Block, chunk: &Chunk, context: &CopyContext<'_>, out: &mut Converted) {
        let mut rows = block.rows(chunk);
        let mut scratch = String::new();
        while let Some(row) = rows.next() {
            let row = match row {
                Ok(row) => row,
                Err(bad) => {
                    let origin = block.origin(bad.position, bad.raw);
                    out.break_row(context, Table::Backups, origin, bad.raw, &bad.fault);
                    continue;
                }
            };
            let (backup, fault) = self.columns.read(&row);
            out.newest = out.newest.max(backup.times.updated.or(backup.times.created));
            let replaced =
                !context.replaced.is_file(block.dump) && context.replaced.backups.contains(backup.id);
            let outcome = if replaced {
                Ok(Outcome::Skipped(Skip::Replaced))
            } else if let Some(fault) = self.without_service(&backup, context) {
                Err(fault)
            } else {
                convert(&backup, fault, context, &mut scratch, (&mut out.bytes, &mut out.tally.carried))
            };
            let line = line_in(chunk.position, row.position());
            let of_dps = context.dps_copies.contains(backup.id);
            if of_dps && !replaced {
                out.apart.push(backup.id, line);
            }
            let decided = match outcome {
                Ok(Outcome::Migrated) => {
                    out.migrated(chunk.position, row.position());
                    out.copies.migrated(counted(&backup));
                    Outcome::Migrated.into()
                }
                Ok(outcome) => {
                    out.tally.count(outcome);
                    match outcome {
                        _ if of_dps || replaced => {}
                        Outcome::Deferred(_) => out.waiting.push(backup.id, line),
                        _ => out.skipped.push(backup.id, line),
                    }
                    match outcome {
                        Outcome::Deferred(_) => out.copies.deferred(backup.status),
                        Outcome::Skipped(Skip::OtherService) => {
                            out.copies.of_other_service(backup.service, 1);
                        }
                        _ => {}
                    }
                    outcome.into()
                }
                Err(fault) => {
                    if !of_dps {
                        out.waiting.push(backup.id, line);
                    }
                    let origin = block.origin(row.position(), row.raw());
                    out.reject(context, Table::Backups, origin, row.raw(), backup.id.is_empty(), &fault)
                }
            };
            if out.notes.are_wanted() {
                let at = context.names.place(block.origin(row.position(), row.raw()));
                note(&backup, decided, &at, context, &mut out.notes);
            }
        }
    }
}

/// Notes what became of a copy.
fn note(backup: &Backup<'_>, mut decided: Decided, at: &Place, context: &CopyContext<'_>, notes: &mut Notes) {
    context.became(&mut decided, backup.id);
    let link = context.links.find(backup.volume_id, backup.name);
    let plan = link.and_then(|link| context.plans.of(link)).unwrap_or_default();
    let job = link.and_then(|link| link.job()).unwrap_or_default();
    notes.note(Table::Backups, backup.id, at, &decided, &[backup.volume_id, plan, job]);
}

/// What the report counts of one copy.
fn counted<'b>(backup: &Backup<'b>) -> Counted<'b> {
    Counted {
        status: backup.status,
        project_id: backup.project_id,
        protected_at: backup.data_timestamp.unwrap_or(backup.times.created_or_default()),
        gigabytes: backup.size.unwrap_or(0),
        good: steady_status(backup.status) != Some("error"),
    }
}

/// What becomes of one copy: skipped before deferred before rejected; a migrated one is appended to `bytes`, and one that is
/// still being made is counted in `carried`.
fn convert(
    backup: &Backup<'_>,
    fault: Option<FieldError>,
    context: &CopyContext<'_>,
    scratch: &mut String,
    (bytes, carried): (&mut Vec<u8>, &mut u64),
) -> Result<Outcome, FieldError> {
    if backup.deleted {
        return Ok(Outcome::Skipped(Skip::SoftDeleted));
    }
    if is_of_other_service(backup, context) {
        return Ok(Outcome::Skipped(Skip::OtherService));
    }
    if context.dps_copies.contains(backup.id) {
        return Ok(Outcome::Skipped(Skip::CopyOfDps));
    }
    let link = context.links.find(backup.volume_id, backup.name);
    let (status, progress, task) = match (steady_status(backup.status), link.and_then(|link| link.job())) {
        (Some(status), _) => (status, "100", None),
        (None, Some(job)) if context.carries() && backup.status == "creating" => {
            ("protecting", "0", Some(job))
        }
        // A status that is absent cannot be told from an unknown one, but breaks a rule.
        (None, _) if !backup.status.is_empty() => return Ok(Outcome::Deferred(Defer::Unsteady)),
        (None, _) => ("", "", None),
    };
    if let Some(fault) = fault {
        return Err(fault);
    }
    let plan_id = link.and_then(|link| context.plans.of(link)).unwrap_or_default();
    item(backup, plan_id, (status, progress, task), context, scratch, bytes)?;
    *carried += u64::from(task.is_some());
    Ok(Outcome::Migrated)
}

/// The longest id of a copy: restore and delete need it as it is.
const ID_CHARS_MAX: usize = 36;

fn item(
    backup: &Backup<'_>,
    plan_id: &str,
    (status, progress, task): (&str, &str, Option<&str>),
    context: &CopyContext<'_>,
    scratch: &mut String,
    bytes: &mut Vec<u8>,
) -> Result<(), FieldError> {
    if backup.id.chars().count() > ID_CHARS_MAX {
        let reason = format!("is longer than the {ID_CHARS_MAX} characters that an id can have in Karbor");
        return Err(FieldError::new("id", backup.id, FieldReason::Rule(reason)));
    }
    let metadata = metadata(backup)?;
    let wish = Description::read(backup.description)?;
    let [speed, bootable, storage_type, kind, chain_size, saving, task_id] = metadata;
    let (mut object_count, mut volume_size) = (itoa::Buffer::new(), itoa::Buffer::new());
    let storage_type = storage_type.filter(|raw| raw.number().is_some()).or(wish.storage_type);
    let incremental =
        kind.filter(|raw| raw.number().is_some()).or(wish.incremental).is_some_and(|raw| raw.is(1.0));
    let task_id = task_id.and_then(Raw::text);
    scratch.clear();
    let info = ExtendInfo {
        id: backup.id,
        name: backup.name,
        status,
        auto_trigger: !plan_id.is_empty() || backup.name.starts_with("autobk_"),
        average_speed: speed.and_then(Raw::number).unwrap_or("0"),
        bootable: bootable.is_some_and(Raw::is_true),
        fail_reason: backup.fail_reason,
        replication: storage_type.is_some_and(|raw| raw.is(4.0) || raw.is(5.0)),
        incremental,
        progress,
        resource_az: backup.availability_zone,
        volume_id: backup.volume_id,
        size: chain_size
            .and_then(Raw::number)
            .unwrap_or_else(|| backup.object_count.map_or("0", |n| object_count.format(n))),
        snapshot_id: backup.snapshot_id,
        space_saving_ratio: saving.and_then(Raw::number).unwrap_or("0"),
        task_id: task.unwrap_or(task_id.as_deref().unwrap_or_default()),
        volume_size: backup.size.map_or("0", |n| volume_size.format(n)),
    };
    json::extend_info(&info, scratch);
    let created = backup.times.created_or_default();
    let checkpoint = ids::checkpoint(Source::Vbs, backup.id);
    let row = Item {
        id: backup.id,
        checkpoint_id: checkpoint.as_str(),
        source: Source::Vbs,
        project_id: backup.project_id,
        user_id: backup.user_id,
        provider_id: &context.settings.provider_id,
        plan_id,
        resource_id: backup.volume_id,
        resource_az: backup.availability_zone,
        name: backup.name,
        description: wish.text.as_deref().unwrap_or_default(),
        status,
        size: backup.size,
        protected_at: backup.data_timestamp.unwrap_or(created),
        extend_info: scratch,
        times: backup.times,
    };
    context.layout.encode(&row.values(), bytes).map_err(|misfit| {
        let column = match misfit.column {
            "resource_id" | "resource_name" => "volume_id",
            "resource_az" => "availability_zone",
            "name" => "display_name",
            "description" => "display_description",
            own => own,
        };
        FieldError::new(column, &misfit.value, FieldReason::Rule(misfit.to_string()))
    })
}

/// The members of service_metadata that matter; an absent one is an empty object, one that is no object breaks a rule.
fn metadata<'r>(backup: &Backup<'r>) -> Result<[Option<Raw<'r>>; 7], FieldError> {
    let text = backup.metadata;
    if text.is_empty() {
        return Ok([None; 7]);
    }
    source_json::members(text, ["AT", "bootable", "ST", "Type", "CS", "SS", "ebk_T_I"]).map_err(|e| {
        let driver = match backup.service {
            "" => "it names no driver".to_owned(),
            service => format!("its driver is {:?}", shortened(service)),
        };
        let reason = format!(
            "{e}; {driver} (copies of drivers that are not VBS's are skipped where the setting backup_services names VBS's)"
        );
        FieldError::new("service_metadata", text, FieldReason::NotJsonObject(reason))
    })
}

/// What display_description says: an object with `DESC`, `INC` and `ST`, or plain text.
#[derive(Default)]
struct Description<'r> {
    text: Option<Cow<'r, str>>,
    incremental: Option<Raw<'r>>,
    storage_type: Option<Raw<'r>>,
}

impl<'r> Description<'r> {
    fn read(text: &'r str) -> Result<Self, FieldError> {
        // Only a text that begins as an object can be one; the rest is somebody's words.
        if !text.trim_start().starts_with('{') {
            return Ok(Self { text: (!text.is_empty()).then_some(Cow::Borrowed(text)), ..Self::default() });
        }
        let Ok([words, incremental, storage_type]) = source_json::members(text, ["DESC", "INC", "ST"]) else {
            return Ok(Self { text: Some(Cow::Borrowed(text)), ..Self::default() });
        };
        let words = words.and_then(Raw::text);
        if words.as_deref().is_some_and(|words| words.contains('\0')) {
            let reason = "holds the character U+0000".to_owned();
            return Err(FieldError::new("display_description", text, FieldReason::Rule(reason)));
        }
        let numeric = |raw: Option<Raw<'r>>| raw.filter(|raw| raw.number().is_some());
        Ok(Self { text: words, incremental: numeric(incremental), storage_type: numeric(storage_type) })
    }
}
