//! `--prune`: what the dumps no longer have goes, unless somebody needs it or nobody can know.

use crate::dumps::*;
use crate::history::{OTHER, changed, copy, site};
use crate::site::Site;
use pipeline::compare::Prune;

const ANY: Prune = Prune::Yes { typed: None };

/// Enough of everything that a family more or less is less than a tenth.
fn large() -> Vec<Source> {
    let mut rows = site();
    rows.extend((100..200).map(|n| backup(&copy(n))));
    rows
}

/// The site without one policy, one volume of another and one copy.
fn later() -> Vec<Source> {
    let mut rows = changed(&large(), |row| {
        let gone = row.is("id", &copy(1)) || row.is("policy_id", OTHER) || row.is("resource_id", "volume-3");
        (!gone).then(|| row.clone())
    });
    // Their tables are still there, and so is a trigger that nobody uses any more.
    rows.extend([extend("e-9", "nobody"), relation("r-9", "nobody", "t-1")]);
    rows
}

const REMOVED: &[(&str, &str)] = &[
    ("plans", "2 unchanged, 1 lost, 1 pruned"),
    ("resources", "2 unchanged, 2 lost, 2 pruned"),
    ("triggers", "2 unchanged, 1 pruned"),
    ("scheduled_operations", "2 unchanged, 1 lost, 1 pruned"),
    ("scheduled_operation_states", "2 unchanged, 1 pruned"),
    ("checkpoint_items", "103 unchanged, 1 lost, 1 pruned"),
];

#[test]
fn what_the_source_no_longer_holds_goes_with_all_that_is_its_own() {
    Site::each(|site| {
        site.run(&large());
        site.prune = ANY;
        site.check(&later()).check(REMOVED);
        site.run(&later()).check(REMOVED);
        assert_eq!(site.ask(&format!("SELECT count(*) FROM plans WHERE id = '{OTHER}'")), "0");
        assert_eq!(site.ask("SELECT count(*) FROM scheduled_operation_states"), "2");
        let pruned = site.rows();
        site.run(&later()).check(&[]);
        assert_eq!(site.rows(), pruned);
    });
}

#[test]
fn what_karbor_hung_its_own_on_stays() {
    for added in [
        format!(
            "INSERT INTO resources (plan_id, resource_id, resource_type, resource_name, created_at, deleted)
                 VALUES ('{OTHER}', 'volume-77', 'OS::Cinder::Volume', 'db', '2018-01-01 00:00:00.000000', false)"
        ),
        format!(
            "INSERT INTO triggers (id, name, project_id, type, properties, created_at, deleted)
                 VALUES ('own', 'own', 'p', 'time', '{{}}', '2018-01-01 00:00:00.000000', false);
             INSERT INTO scheduled_operations (id, name, operation_type, user_id, project_id, trigger_id,
                 operation_definition, enabled, created_at, deleted)
                 VALUES ('own', 'own', 'backup', 'u', 'p', 'own', '{{\"plan_id\": \"{OTHER}\"}}', true,
                         '2018-01-01 00:00:00.000000', false)"
        ),
        format!(
            "INSERT INTO checkpoint_items (id, checkpoint_id, project_id, resource_id, status, version, plan_id, deleted)
                 VALUES ('own', 'c', 'p', 'v', 'available', '1.0', '{OTHER}', false)"
        ),
    ] {
        Site::each(|site| {
            site.run(&large());
            site.sql(&added);
            site.prune = ANY;
            // A set of resources that Karbor added to is Karbor's affair.
            let lost = if added.contains("INTO resources") { 1 } else { 2 };
            site.run(&later()).check(&[
                ("plans", "2 unchanged, 1 lost"),
                ("resources", &format!("2 unchanged, {lost} lost, 1 pruned")),
                ("triggers", "2 unchanged"),
                ("scheduled_operations", "2 unchanged, 1 lost"),
                ("scheduled_operation_states", "2 unchanged"),
                ("checkpoint_items", "103 unchanged, 1 lost, 1 pruned"),
            ]);
        });
    }
}

#[test]
fn more_than_a_tenth_goes_only_where_its_number_is_typed() {
    Site::each(|site| {
        site.run(&large());
        let before = site.rows();
        let few =
            changed(&large(), |row| (row.table != "backups" || row.is("id", &copy(2))).then(|| row.clone()));
        for typed in [None, Some(101)] {
            site.prune = Prune::Yes { typed };
            let error = site.try_run(&few).unwrap_err();
            let told = format!("{error} / {}", error.remedy().unwrap());
            assert!(told.contains("102 of 120 imported rows would be removed"), "{told}");
            assert!(told.contains("--prune=102"), "{told}");
            assert_eq!(site.rows(), before);
        }
        site.prune = Prune::Yes { typed: Some(102) };
        site.run(&few).check(&[("checkpoint_items", "2 unchanged, 102 lost, 102 pruned")]);
    });
}

#[test]
fn nothing_goes_where_a_table_is_missing_or_empty() {
    Site::each(|site| {
        site.run(&large());
        let before = site.rows();
        site.prune = ANY;
        let told = site.run(&changed(&later(), |row| (row.table != "tag").then(|| row.clone())));
        let lack = "rows of plans that the dumps no longer have were not removed: the dumps lack tag";
        assert!(told.0.warnings.iter().any(|warning| warning == lack), "{:?}", told.0.warnings);
        told.check(&[
            ("plans", "2 unchanged, 1 lost"),
            ("resources", "2 unchanged, 2 lost"),
            ("scheduled_operations", "2 unchanged, 1 lost"),
            ("checkpoint_items", "103 unchanged, 1 lost, 1 pruned"),
        ]);
        assert_eq!(site.rows().len() + 1, before.len());
        // A table that was dumped without rights has no rows.
        let empty =
            format!("{HEAD}COPY backups (id, volume_id, project_id, status) FROM stdin;\n\\.\n\n{TAIL}");
        let told = site.try_run_dumps([("cinder.sql", empty.into_bytes())]).unwrap();
        let why = "backups has no rows at all";
        assert!(told.warnings.iter().any(|warning| warning.contains(why)), "{:?}", told.warnings);
        assert_eq!(site.rows().len() + 1, before.len());
    });
}

#[test]
fn rejected_rows_keep_a_run_from_removing_any() {
    Site::each(|site| {
        site.run(&large());
        let before = site.rows();
        site.prune = ANY;
        let folder = tempfile::tempdir().unwrap();
        site.rejects = Some(folder.path().join("bad.sql"));
        let mut rows = later();
        rows.push(backup(&copy(300)).with("size", "large"));
        let error = site.try_run(&rows).unwrap_err();
        assert!(error.to_string().contains("rows were rejected"), "{error}");
        assert_eq!(site.rows(), before);
        assert!(!folder.path().join("bad.sql").exists());
    });
}

/// What a run says of the rows that the dumps no longer have.
fn lost(told: &crate::site::Told) -> Vec<String> {
    let lost = told.0.target_rows.iter().filter(|row| row.reason.is_none());
    lost.map(ToString::to_string).collect()
}

#[test]
fn what_goes_although_karbor_changed_it_is_shown_as_that() {
    let operation = pipeline::karbor::ids::OperationKey::Vbs { policy: OTHER, extend: Some("e-1") };
    let operation = operation.operation();
    let operation = operation.as_str();
    let at = "updated_at = '2018-03-03 00:00:00.000000'";
    let plan = format!("plans {OTHER}");
    let row = format!("scheduled_operations {operation}");
    let item = format!("checkpoint_items {}", copy(1));
    let of_item = |set: &str| format!("UPDATE checkpoint_items SET {set} WHERE id = '{}'", copy(1));
    let of_plan = |set: &str| format!("UPDATE plans SET {set} WHERE id = '{OTHER}'");
    let (plan, row, item) = (plan.as_str(), row.as_str(), item.as_str());
    let cases = [
        (of_plan("status = 'started'"), plan, "changed in Karbor since (status)"),
        (of_plan(&format!("name = 'mine', {at}")), plan, "changed in Karbor since (updated_at)"),
        (
            format!("UPDATE scheduled_operations SET enabled = false, {at} WHERE id = '{operation}'"),
            row,
            "changed in Karbor since (updated_at)",
        ),
        (
            format!(
                "UPDATE triggers SET properties = '{{}}', {at} WHERE id = (SELECT trigger_id FROM scheduled_operations WHERE id = '{operation}')"
            ),
            row,
            "changed in Karbor since (updated_at)",
        ),
        (of_item("status = 'deleting'"), item, "changed in Karbor since (status)"),
        (of_item("status = 'error'"), item, "changed in Karbor since (status)"),
        (of_item("name = 'mine'"), item, "changed in Karbor since (name)"),
        (of_item("size = 77"), item, "changed in Karbor since (size)"),
        (of_item("resource_az = 'other'"), item, "changed in Karbor since (resource_az)"),
        (of_item("resource_name = 'db'"), item, "changed in Karbor since (resource_name)"),
        (of_item("backup_data = '{\"a\": 1}'"), item, "changed in Karbor since (backup_data)"),
        (of_item("extend_info = '{}'"), item, "changed in Karbor since (extend_info)"),
        (
            of_item("description = 'mine', updated_at = '2031-01-01 00:00:00.000000'"),
            item,
            "newer than all rows of the dumps (updated_at)",
        ),
        (
            format!(
                "UPDATE plans SET {} WHERE id = '{OTHER}'; UPDATE scheduled_operations SET {0} WHERE id = '{operation}'; UPDATE triggers SET {0}",
                "updated_at = '2031-01-01 00:00:00.000000'"
            ),
            plan,
            "newer than all rows of the dumps (updated_at)",
        ),
    ];
    for (sql, changed, why) in cases {
        Site::each(|site| {
            site.run(&large());
            site.sql(&sql);
            site.prune = ANY;
            let shown = site.check(&later());
            let done = site.run(&later());
            for told in [&shown, &done] {
                let lost = lost(told);
                assert!(lost.contains(&format!("{changed}: {why}")), "{sql}: {lost:?}");
                let said = told.0.warnings.iter().any(|warning| {
                    warning.contains("that --prune removes w")
                        && warning.contains("changed in Karbor since the import")
                });
                assert!(said, "{sql}: {:?}", told.0.warnings);
            }
        });
    }
    // What nobody changed is not shown as that; dumps that end before it are not taken for a change of Karbor's.
    Site::each(|site| {
        site.run(&large());
        site.prune = ANY;
        let told = site.check(&later());
        assert!(told.0.tables.iter().all(|table| table.lost_changed == 0), "{:?}", told.0.target_rows);
        assert!(!told.0.warnings.iter().any(|warning| warning.contains("changed in Karbor")));
        // Its operation is gone, but there are two plans without one no more.
        site.sql(&format!(
            "DELETE FROM scheduled_operation_states WHERE operation_id = '{operation}'; DELETE FROM scheduled_operations WHERE id = '{operation}'"
        ));
        let told = site.check(&later());
        assert!(lost(&told).contains(&format!("{plan}: changed in Karbor since (its operation is gone)")));
    });
}

#[test]
fn more_than_a_tenth_is_refused_with_how_many_karbor_changed() {
    Site::each(|site| {
        site.run(&large());
        site.sql("UPDATE checkpoint_items SET size = 9999 WHERE id LIKE '0000010%'");
        site.prune = ANY;
        let few =
            changed(&large(), |row| (row.table != "backups" || row.is("id", &copy(2))).then(|| row.clone()));
        let error = site.try_run(&few).unwrap_err().to_string();
        assert!(error.contains("(10 of them changed in Karbor since)"), "{error}");
    });
}

#[test]
fn a_copy_that_karbor_deleted_needs_no_plan() {
    Site::each(|site| {
        let mut rows = large();
        rows.extend([
            job("j-9", OTHER, "volume-4", "autobk_9"),
            backup(&copy(9)).with("volume_id", "volume-4").with("display_name", "autobk_9"),
        ]);
        site.run(&rows);
        let delete = |id: &str| {
            format!(
                "UPDATE checkpoint_items SET deleted = true, deleted_at = '2030-01-01 00:00:00.000000' WHERE id = '{id}'"
            )
        };
        let named = format!("SELECT count(*) FROM checkpoint_items WHERE plan_id = '{OTHER}'");
        assert_eq!(site.ask(&named), "1");
        site.sql(&delete(&copy(9)));
        site.sql(&format!(
            "INSERT INTO checkpoint_items (id, checkpoint_id, project_id, resource_id, status, version, plan_id, deleted)
                 VALUES ('own', 'c', 'p', 'v', 'available', '1.0', '{OTHER}', true)"
        ));
        site.prune = ANY;
        let mut gone = changed(&later(), |row| (!row.is("id", &copy(9))).then(|| row.clone()));
        gone.push(job("j-8", OTHER, "v", "n"));
        let plans = |site: &mut Site| site.check(&gone).became("plans");
        if site.is_postgres() {
            site.sql("ALTER TABLE checkpoint_items ADD CONSTRAINT needs FOREIGN KEY (plan_id) REFERENCES plans (id)");
            assert_eq!(plans(site), "2 unchanged, 1 lost");
            assert_eq!(site.run(&gone).became("plans"), "2 unchanged, 1 lost");
            site.sql("ALTER TABLE checkpoint_items DROP CONSTRAINT needs");
        }
        assert_eq!(plans(site), "2 unchanged, 1 lost, 1 pruned");
        assert_eq!(site.run(&gone).became("plans"), "2 unchanged, 1 lost, 1 pruned");
        assert_eq!(site.ask(&named), "2");
    });
}
