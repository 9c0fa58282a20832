//! What the dumps of one run cannot know, the run does not overwrite.

use crate::dumps::*;
use crate::history::{POLICY, changed, copy, site};
use crate::site::Site;

fn only(tables: &[&str]) -> Vec<Source> {
    changed(&site(), |row| tables.contains(&row.table).then(|| row.clone()))
}

fn without(tables: &[&str]) -> Vec<Source> {
    changed(&site(), |row| (!tables.contains(&row.table)).then(|| row.clone()))
}

#[test]
fn without_job_records_a_copy_keeps_its_plan() {
    Site::each(|site| {
        site.run(&self::site());
        let plan = format!("SELECT plan_id FROM checkpoint_items WHERE id = '{}'", copy(1));
        let info = format!("SELECT extend_info FROM checkpoint_items WHERE id = '{}'", copy(1));
        assert_eq!(site.ask(&plan), POLICY);
        let before = site.rows();
        for rows in [only(&["backups"]), without(&["backup_create_running_job_record"])] {
            site.run(&rows).check(&[]);
            assert_eq!(site.rows(), before);
        }
        // What it does know it writes.
        let rows = changed(&only(&["backups"]), |row| {
            let row = row.clone().with("size", "99").with("updated_at", "2019-01-01 00:00:00");
            Some(if row.is("id", &copy(1)) { row.with("display_name", "renamed") } else { row })
        });
        site.run(&rows).check(&[("checkpoint_items", "3 updated")]);
        assert_eq!(site.ask(&plan), POLICY);
        let info = site.ask(&info);
        assert!(
            info.starts_with("{\"auto_trigger\":true,") && info.contains("\"name\":\"renamed\""),
            "{info}"
        );
    });
}

#[test]
fn a_dump_of_one_system_says_nothing_of_the_other() {
    Site::each(|site| {
        site.run(&self::site());
        let before = site.rows();
        let dps: Vec<&str> = vec![
            "protection_plan",
            "protection_object",
            "protection_policy",
            "protection_plan_policy_mapping",
            "schedule_timer",
            "async_copy_policy",
            "policy_extra_specs",
            "backup_target_object",
            "backup_transaction_item",
        ];
        for rows in [only(&dps), without(&dps), only(&["backup_policy"]), only(&["backup_transaction_item"])]
        {
            let told = site.run(&rows);
            assert_eq!(told.0.written(), 0, "{:?}", told.0.tables);
            assert_eq!(
                told.0.tables.iter().map(|table| table.lost).sum::<u64>(),
                0,
                "{:?}",
                told.0.target_rows
            );
            assert_eq!(site.rows(), before);
        }
    });
}

#[test]
fn tags_and_schedules_stay_where_their_tables_are_missing() {
    Site::each(|site| {
        site.run(&self::site());
        let before = site.rows();
        site.run(&without(&["tag"])).check(&[]);
        site.run(&without(&["backup_trigger"])).check(&[]);
        site.run(&without(&["backup_relation_policy"])).check(&[]);
        site.run(&without(&["policy_extra_specs"])).check(&[]);
        assert_eq!(site.rows(), before);
        // Without extend rows the policy seems to have a schedule of its own, which it must not get beside the other.
        let told = site.run(&without(&["backup_policy_extend"]));
        told.check(&[
            ("triggers", "2 unchanged, 1 source-table-missing"),
            ("scheduled_operations", "2 unchanged, 1 source-table-missing"),
            ("scheduled_operation_states", "2 unchanged, 1 source-table-missing"),
        ]);
        assert_eq!(site.rows(), before);
    });
}
