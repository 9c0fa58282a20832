//! `backups` of cinder: one row is one VBS copy.

use super::{Reading, SoftDeletion, Times, TimesColumns};
use crate::columns::Binding;
use crate::row::{Column, FieldError, Row};
use crate::value::Timestamp;

/// The columns of `backups` that matter.
#[derive(Clone, Debug)]
pub struct Columns {
    id: Column,
    volume_id: Column,
    user_id: Column,
    project_id: Column,
    availability_zone: Column,
    display_name: Column,
    display_description: Column,
    status: Column,
    fail_reason: Column,
    service_metadata: Column,
    service: Column,
    size: Column,
    object_count: Column,
    snapshot_id: Column,
    data_timestamp: Column,
    times: TimesColumns,
    soft: SoftDeletion,
}

/// One copy. Texts are empty where absent.
#[derive(Clone, Copy, Debug)]
pub struct Backup<'r> {
    /// id.
    pub id: &'r str,
    /// volume_id.
    pub volume_id: &'r str,
    /// user_id.
    pub user_id: &'r str,
    /// project_id.
    pub project_id: &'r str,
    /// availability_zone.
    pub availability_zone: &'r str,
    /// display_name.
    pub name: &'r str,
    /// display_description: JSON or plain text.
    pub description: &'r str,
    /// status.
    pub status: &'r str,
    /// fail_reason.
    pub fail_reason: &'r str,
    /// service_metadata: JSON where VBS's driver wrote it, any text where another did.
    pub metadata: &'r str,
    /// service: the backup driver that made the copy, as Cinder's setting backup_driver names it.
    pub service: &'r str,
    /// The volume's size in GB.
    pub size: Option<i64>,
    /// The copy's size in MB, where service_metadata does not say it.
    pub object_count: Option<i64>,
    /// snapshot_id.
    pub snapshot_id: &'r str,
    /// data_timestamp.
    pub data_timestamp: Option<Timestamp>,
    /// created_at and updated_at.
    pub times: Times,
    /// Whether the row is soft-deleted.
    pub deleted: bool,
}

impl Columns {
    /// Finds the columns.
    #[must_use]
    pub fn bind(binding: &Binding<'_>) -> Self {
        Self {
            id: binding.column("id"),
            volume_id: binding.column("volume_id"),
            user_id: binding.column("user_id"),
            project_id: binding.column("project_id"),
            availability_zone: binding.column("availability_zone"),
            display_name: binding.column("display_name"),
            display_description: binding.column("display_description"),
            status: binding.column("status"),
            fail_reason: binding.column("fail_reason"),
            service_metadata: binding.column("service_metadata"),
            service: binding.column("service"),
            size: binding.column("size"),
            object_count: binding.column("object_count"),
            snapshot_id: binding.column("snapshot_id"),
            data_timestamp: binding.column("data_timestamp"),
            times: TimesColumns::bind(binding),
            soft: SoftDeletion::bind(binding, true),
        }
    }

    /// Whether the dump says which driver made a copy.
    #[must_use]
    pub fn says_service(&self) -> bool {
        self.service.index.is_some()
    }

    /// Reads a row; the fault, if any, beside it.
    #[must_use]
    pub fn read<'r>(&self, row: &Row<'r>) -> (Backup<'r>, Option<FieldError>) {
        let mut row = Reading::new(row);
        let backup = Backup {
            id: row.required(&self.id),
            volume_id: row.required(&self.volume_id),
            user_id: row.text(&self.user_id),
            project_id: row.required(&self.project_id),
            availability_zone: row.text(&self.availability_zone),
            name: row.text(&self.display_name),
            description: row.text(&self.display_description),
            status: row.required(&self.status),
            fail_reason: row.text(&self.fail_reason),
            metadata: row.text(&self.service_metadata),
            service: row.text(&self.service),
            size: row.integer(&self.size),
            object_count: row.integer(&self.object_count),
            snapshot_id: row.text(&self.snapshot_id),
            data_timestamp: row.timestamp(&self.data_timestamp),
            times: self.times.read(&mut row),
            deleted: self.soft.read(&mut row),
        };
        (backup, row.into_fault())
    }
}
