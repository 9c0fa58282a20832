//! Tables of the database `dps`: plans, policies, timers and copies.
//!
//! None of these columns is public; the map of columns says what they are taken to be.

use super::declare::{borrowed_model, field_type, held_model, read_text, text_accessor};

held_model! {
    /// `protection_plan`.
    Plan {
        texts {
            id: required "id",
            name: optional "name",
            project_id: required "project_id",
            user_id: optional "user_id",
            object_type: optional "object_type",
        }
        with times
    }
}

held_model! {
    /// `protection_object`: a resource of a plan.
    Object {
        texts {
            id: required "id",
            plan_id: required "plan_id",
            resource_id: required "resource_id",
            resource_type: optional "resource_type",
            availability_zone: optional "availability_zone",
        }
        with times
    }
}

held_model! {
    /// `protection_policy`.
    Policy {
        texts {
            id: required "id",
            name: optional "name",
            policy_type: required "policy_type",
        }
        values {
            retention_num: integer "retention_num",
            retention_days: integer "retention_day",
            enabled: boolean "enabled",
        }
        with times
    }
}

held_model! {
    /// `protection_plan_policy_mapping`.
    Mapping {
        texts {
            id: optional "id",
            plan_id: required "plan_id",
            policy_id: required "policy_id",
        }
    }
}

held_model! {
    /// `schedule_timer`: when a policy backs up.
    Timer {
        texts {
            id: required "id",
            policy_id: required "policy_id",
            frequency_type: optional "frequency_type",
            week_days: optional "week_days",
            start_time: optional "start_time",
            time_zone: optional "time_zone",
        }
        values {
            interval_days: integer "interval_days",
            enabled: boolean "enabled",
        }
    }
}

held_model! {
    /// `async_copy_policy`: the global cycle of copies to the other site.
    CopyCycle {
        texts {
            id: required "id",
            frequency_type: optional "frequency_type",
            week_days: optional "week_days",
            start_time: optional "start_time",
            time_zone: optional "time_zone",
        }
        values {
            interval_days: integer "interval_days",
            enabled: boolean "enabled",
        }
    }
}

held_model! {
    /// `policy_extra_specs`: a key and value of a policy.
    Spec {
        texts {
            id: optional "id",
            policy_id: required "policy_id",
            key: required "spec_key",
            value: optional "spec_value",
        }
    }
}

held_model! {
    /// `backup_target_object`: where a policy's copies go.
    Destination {
        texts {
            id: optional "id",
            policy_id: required "policy_id",
            target_type: optional "target_type",
            target_id: optional "target_id",
            target_name: optional "target_name",
        }
    }
}

borrowed_model! {
    /// One row of `backup_transaction_item`: a copy.
    Item, ItemColumns {
        id: required "id",
        transaction_id: text "transaction_id",
        plan_id: text "plan_id",
        resource_id: required "resource_id",
        resource_type: text "resource_type",
        backup_id: text "backup_id",
        snapshot_id: text "snapshot_id",
        project_id: required "project_id",
        user_id: text "user_id",
        name: text "name",
        description: text "description",
        status: required "status",
        backup_type: text "backup_type",
        average_speed: text "average_speed",
        space_saving_ratio: text "space_saving_ratio",
        availability_zone: text "availability_zone",
        fail_reason: text "fail_reason",
        /// The volume's size in GB.
        size: integer "size",
        /// The copy's size in MB.
        backup_size: integer "backup_size",
        /// Whether the copy came from another site.
        is_copy: boolean "is_copy",
        bootable: boolean "bootable",
        started_at: timestamp "started_at",
    }
}
