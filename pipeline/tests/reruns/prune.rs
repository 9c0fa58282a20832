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
