//! Tables of the database `autobackup`: policies and all that belongs to them.
//!
//! The columns spell "retention" as `rentention`.

use super::declare::{field_type, held_model, read_text, text_accessor};

held_model! {
    /// `backup_policy`: one policy of a tenant.
    Policy {
        texts {
            id: required "policy_id",
            name: required "policy_name",
            tenant: required "tenant_id",
            status: required "policy_status",
            domain: optional "domain_id",
            start_times: optional "back_up_start_time",
            weekdays: optional "week_frequency",
            zone: zone "extra_info",
        }
        values {
            frequency: integer "back_up_frequency",
            retention_num: integer "rentention_num",
            retention_days: integer "rentention_day",
            keep_first: boolean "remain_first_backup_of_cur_month",
        }
        with times
    }
}

held_model! {
    /// `backup_policy_extend`: one operation of a policy.
    Extend {
        texts {
            id: required "id",
            policy_id: required "policy_id",
            trigger_id: optional "trigger_id",
            operation_type: optional "operation_type",
            destination_region: optional "destination_region_id",
            zone: zone "extra_info",
        }
        values {
            retention_num: integer "rentention_num",
            retention_days: integer "rentention_day",
            enabled: boolean "enabled",
        }
    }
}

held_model! {
    /// `backup_trigger`: when operations run.
    Trigger {
        texts {
            id: required "trigger_id",
            cron: optional "cron_expression",
            time_zone: optional "time_zone",
        }
    }
}

held_model! {
    /// `backup_relation_policy`: which trigger belongs to which policy or operation.
    Relation {
        texts {
            id: optional "id",
            policy_id: required "policy_id",
            extend_id: optional "policy_extend_id",
            trigger_id: optional "trigger_id",
        }
    }
}

held_model! {
    /// `policy_resource`: a volume that a policy backs up.
    Resource {
        texts {
            id: optional "id",
            policy_id: required "policy_id",
            resource_id: required "resource_id",
            resource_type: optional "resource_type",
            availability_zone: optional "availability_zone",
        }
        with times
    }
}

held_model! {
    /// `tag`: a key and value on a policy.
    Tag {
        texts {
            id: optional "id",
            policy_id: required "resource_id",
            key: required "tag_key",
            value: optional "tag_value",
        }
    }
}

held_model! {
    /// `backup_create_running_job_record`: which policy made which copy, by which job.
    RunningJob {
        texts {
            state: optional "current_run_state",
            policy_id: optional "policy_id",
            resource_id: optional "resource_id",
            backup_name: optional "backup_name",
            taskmgr_job_id: optional "taskmgr_job_id",
        }
        with times
    }
}

held_model! {
    /// `backup_create_waiting_job_record`: a job that waits to run.
    WaitingJob {
        texts { state: optional "current_run_state" }
    }
}
