//! What Karbor and its users did in between is respected: neither revived nor overwritten.

use crate::dumps::*;
use crate::history::{OTHER, POLICY, changed, copy, site};
use crate::site::Site;

/// Later than anything at the source.
const LATER: &str = "2020-01-01 00:00:00.000000";

/// The site after everything at the source changed once more.
fn moved() -> Vec<Source> {
    let stamp = "2019-01-01 00:00:00";
    changed(&site(), |row| {
        let row = row.clone();
        Some(match row.table {
            "backup_policy" => row.with("policy_name", "moved").with("updated_at", stamp),
            "protection_plan" | "protection_policy" => row.with("name", "moved").with("updated_at", stamp),
            "backups" => row.with("size", "99").with("updated_at", stamp),
            "backup_transaction_item" => row.with("size", "99").with("updated_at", stamp),
            "policy_resource" => row.with("availability_zone", "az-2").with("updated_at", stamp),
            _ => row,
        })
    })
}

/// Does `edit` between an import and a rerun of a source that moved on.
#[track_caller]
fn check(edit: &str, expected: &[(&str, &str)]) {
    Site::each(|site| {
        site.run(&self::site());
        site.sql(edit);
        let rows = moved();
        let mut all = vec![
            ("plans", "3 updated"),
            ("resources", "3 updated, 1 unchanged"),
            ("triggers", "3 updated"),
            ("scheduled_operations", "3 updated"),
            ("scheduled_operation_states", "3 unchanged"),
            ("checkpoint_items", "4 updated"),
        ];
        for (table, became) in expected {
            all.iter_mut().filter(|(name, _)| name == table).for_each(|(_, expected)| *expected = became);
        }
        site.check(&rows).check(&all);
        site.run(&rows).check(&all);
        engine_starts(site);
        // And once more: what was kept is kept, what was written is unchanged.
        let before = site.rows();
        let again = site.run(&rows);
        assert_eq!(again.0.written(), 0, "{:?}", again.0.tables);
        assert_eq!(site.rows(), before);
    });
}

/// Upstream's engine does not start with a state whose operation, or an operation whose trigger, is gone or deleted.
#[track_caller]
fn engine_starts(site: &Site) {
    let orphans = "SELECT count(*) FROM scheduled_operation_states s \
                   LEFT JOIN scheduled_operations o ON o.id = s.operation_id AND o.deleted = false \
                   LEFT JOIN triggers t ON t.id = o.trigger_id AND t.deleted = false \
                   WHERE s.deleted = false AND t.id IS NULL";
    assert_eq!(site.ask(orphans), "0");
}

#[test]
fn a_plan_that_was_edited_is_left_alone() {
    check(
        &format!("UPDATE plans SET name = 'mine', updated_at = '{LATER}' WHERE id = '{POLICY}'"),
        &[("plans", "2 updated, 1 changed-in-karbor")],
    );
}

#[test]
fn a_policy_that_was_deleted_stays_deleted() {
    // As Karbor does it: the plan and its resources keep their times, the trigger goes with the operation.
    let operation =
        format!("(SELECT trigger_id FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%')");
    check(
        &format!(
            "UPDATE plans SET deleted = true, deleted_at = '{LATER}' WHERE id = '{POLICY}';
             UPDATE resources SET deleted = true, deleted_at = '{LATER}' WHERE plan_id = '{POLICY}';
             UPDATE triggers SET deleted = true, deleted_at = '{LATER}' WHERE id IN {operation};
             DELETE FROM scheduled_operation_states WHERE operation_id IN
                 (SELECT id FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%');
             DELETE FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%'"
        ),
        &[
            ("plans", "2 updated, 1 deleted-in-karbor"),
            ("resources", "1 updated, 1 unchanged, 2 deleted-in-karbor"),
            ("triggers", "2 updated, 1 deleted-in-karbor"),
            ("scheduled_operations", "2 updated, 1 removed-in-karbor"),
            ("scheduled_operation_states", "2 unchanged, 1 removed-in-karbor"),
        ],
    );
}

#[test]
fn a_deleted_policy_whose_trigger_is_gone_too_is_not_revived() {
    check(
        &format!(
            "UPDATE plans SET deleted = true, deleted_at = '{LATER}' WHERE id = '{POLICY}';
             DELETE FROM scheduled_operation_states WHERE operation_id IN
                 (SELECT id FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%');
             CREATE TABLE gone AS SELECT trigger_id FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%';
             DELETE FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%';
             DELETE FROM triggers WHERE id IN (SELECT trigger_id FROM gone);
             DROP TABLE gone"
        ),
        &[
            ("plans", "2 updated, 1 deleted-in-karbor"),
            ("resources", "1 updated, 1 unchanged, 2 deleted-in-karbor"),
            ("triggers", "2 updated, 1 removed-in-karbor"),
            ("scheduled_operations", "2 updated, 1 removed-in-karbor"),
            ("scheduled_operation_states", "2 unchanged, 1 removed-in-karbor"),
        ],
    );
}

#[test]
fn an_operation_that_was_removed_stays_away_and_one_that_was_disabled_stays_off() {
    let removed = format!("SELECT id FROM scheduled_operations WHERE operation_definition LIKE '%{OTHER}%'");
    check(
        &format!(
            "DELETE FROM scheduled_operation_states WHERE operation_id IN ({removed});
             DELETE FROM scheduled_operations WHERE operation_definition LIKE '%{OTHER}%';
             UPDATE scheduled_operations SET enabled = false, updated_at = '{LATER}'
                 WHERE operation_definition LIKE '%{POLICY}%'"
        ),
        &[
            // Nobody deleted the trigger: it is brought up to date, and runs nothing.
            ("triggers", "3 updated"),
            ("scheduled_operations", "1 updated, 1 changed-in-karbor, 1 removed-in-karbor"),
            ("scheduled_operation_states", "2 unchanged, 1 removed-in-karbor"),
        ],
    );
}

#[test]
fn a_plans_resources_are_one_set() {
    // A resource of Karbor's own, and one that it deleted without moving its time.
    check(
        &format!(
            "INSERT INTO resources (plan_id, resource_id, resource_type, resource_name, created_at, deleted)
                 VALUES ('{POLICY}', 'volume-77', 'OS::Cinder::Volume', 'db', '{LATER}', false);
             UPDATE resources SET deleted = true WHERE plan_id = '{OTHER}'"
        ),
        &[("resources", "1 unchanged, 2 changed-in-karbor, 1 deleted-in-karbor")],
    );
}

#[test]
fn a_copy_that_was_deleted_or_changed_is_left_alone() {
    check(
        &format!(
            "UPDATE checkpoint_items SET deleted = true, deleted_at = '{LATER}', status = 'deleted' WHERE id = '{}';
             UPDATE checkpoint_items SET name = 'mine', updated_at = '{LATER}' WHERE id = '{}'",
            copy(1),
            copy(2)
        ),
        &[("checkpoint_items", "2 updated, 1 changed-in-karbor, 1 deleted-in-karbor")],
    );
}

#[test]
fn what_lost_its_tag_is_nobodys_to_touch() {
    check(
        &format!(
            "UPDATE plans SET description = 'ours now' WHERE id = '{POLICY}';
             UPDATE scheduled_operations SET description = NULL WHERE operation_definition LIKE '%{OTHER}%';
             UPDATE checkpoint_items SET version = '1.0' WHERE id = '{}'",
            copy(1)
        ),
        &[
            ("plans", "2 updated, 1 edited-or-karbors-own"),
            // A resource has no tag of its own: it is its plan's.
            ("resources", "1 updated, 1 unchanged, 2 edited-or-karbors-own"),
            ("scheduled_operations", "2 updated, 1 edited-or-karbors-own"),
            ("checkpoint_items", "3 updated, 1 edited-or-karbors-own"),
        ],
    );
}

#[test]
fn a_state_that_the_engine_changed_and_a_trust_that_is_known_stay() {
    Site::each(|site| {
        site.run(&self::site());
        site.sql(&format!(
            "UPDATE scheduled_operation_states SET trust_id = 'real' WHERE operation_id IN
                 (SELECT id FROM scheduled_operations WHERE operation_definition LIKE '%{POLICY}%')"
        ));
        // The trust of one project serves its other operations, which had none. A newer engine moves nothing.
        site.sql(
            "INSERT INTO services (id, updated_at, deleted, host, \"binary\", report_count, disabled)
                 VALUES (77, '2030-01-01 00:00:00.000000', false, 'node2', 'karbor-operationengine', 0, false)",
        );
        site.run(&self::site()).check(&[("scheduled_operation_states", "1 updated, 2 unchanged")]);
        let trusts = "SELECT count(*) FROM scheduled_operation_states WHERE trust_id = 'real'";
        assert_eq!(site.ask(trusts), "2");
        assert_eq!(site.ask("SELECT count(*) FROM scheduled_operation_states WHERE service_id = 77"), "0");
        site.run(&self::site()).check(&[]);
        site.sql(&format!("UPDATE scheduled_operation_states SET state = 'running', updated_at = '{LATER}'"));
        site.run(&self::site()).check(&[("scheduled_operation_states", "3 changed-in-karbor")]);
        // What the settings say is said on purpose.
        site.sql("UPDATE scheduled_operation_states SET state = 'registered', updated_at = NULL");
        site.settings.service_id = Some(77);
        site.run(&self::site()).check(&[("scheduled_operation_states", "3 updated")]);
        assert_eq!(site.ask("SELECT count(*) FROM scheduled_operation_states WHERE service_id = 77"), "3");
    });
}

#[test]
fn karbors_own_rows_are_in_nobodys_way() {
    Site::each(|site| {
        site.run(&[backup(&copy(900))]);
        site.sql(&format!("DELETE FROM checkpoint_items WHERE id = '{}'", copy(900)));
        // A plan and a copy of Karbor's own under ids of the dumps, and others.
        site.sql(&format!(
            "INSERT INTO plans (id, name, description, project_id, status, created_at, deleted)
                 VALUES ('{POLICY}', 'own', NULL, 'p', 'suspended', '2018-01-01 00:00:00.000000', false);
             INSERT INTO checkpoint_items (id, checkpoint_id, project_id, resource_id, status, version, created_at, deleted)
                 VALUES ('{}', 'c', 'p', 'v', 'available', '0.9', '2018-01-01 00:00:00.000000', false),
                        ('own-copy', 'c', 'p', 'v', 'available', '0.9', '2018-01-01 00:00:00.000000', false)",
            copy(2)
        ));
        let own = |site: &Site| {
            let rows = site.rows();
            rows.into_iter().filter(|row| row.contains("own") || row.contains(&copy(2))).collect::<Vec<_>>()
        };
        let before = own(site);
        let told = site.run(&self::site());
        told.check(&[
            ("plans", "2 inserted, 1 edited-or-karbors-own"),
            ("resources", "2 inserted, 2 edited-or-karbors-own"),
            ("triggers", "2 inserted, 1 edited-or-karbors-own"),
            ("scheduled_operations", "2 inserted, 1 edited-or-karbors-own"),
            ("scheduled_operation_states", "2 inserted, 1 edited-or-karbors-own"),
            ("checkpoint_items", "3 inserted, 1 edited-or-karbors-own"),
        ]);
        assert_eq!(own(site).len(), before.len());
        assert!(before.iter().all(|row| site.rows().contains(row)));
        engine_starts(site);
    });
}

#[test]
fn a_copy_that_came_from_the_other_system_is_kept() {
    Site::each(|site| {
        site.run(&self::site());
        let mut rows = self::site();
        rows.push(item("i-2").with("backup_id", &copy(2)));
        site.run(&rows).check(&[("checkpoint_items", "3 unchanged, 1 of-the-other-system")]);
        let version = format!("SELECT version FROM checkpoint_items WHERE id = '{}'", copy(2));
        assert_eq!(site.ask(&version), "0.5");
    });
}
