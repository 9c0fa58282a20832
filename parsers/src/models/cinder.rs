//! `backups` of cinder: one row is one VBS copy.

use super::declare::{borrowed_model, field_type};

borrowed_model! {
    /// One copy.
    Backup, Columns {
        id: required "id",
        volume_id: required "volume_id",
        user_id: text "user_id",
        project_id: required "project_id",
        availability_zone: text "availability_zone",
        name: text "display_name",
        /// JSON or plain text.
        description: text "display_description",
        status: required "status",
        fail_reason: text "fail_reason",
        /// JSON where VBS's driver wrote it, any text where another did.
        metadata: text "service_metadata",
        /// The backup driver that made the copy, as Cinder's setting backup_driver names it.
        service: text "service",
        /// The volume's size in GB.
        size: integer "size",
        /// The copy's size in MB, where service_metadata does not say it.
        object_count: integer "object_count",
        snapshot_id: text "snapshot_id",
        data_timestamp: timestamp "data_timestamp",
    }
}

impl Columns {
    /// Whether the dump says which driver made a copy.
    #[must_use]
    pub fn says_service(&self) -> bool {
        self.service.index.is_some()
    }
}
