//! Runs, checks, verifications and prunes make one comparison: what one of them says, all say.

use crate::dumps::*;
use crate::history::{OTHER, POLICY, changed, copy, site, with};
use crate::site::Site;
use pipeline::compare::Prune;

/// Later than all that a test changes in the source.
const LATER: &str = "2030-01-01 00:00:00.000000";

fn without(rows: &[Source], column: &str, value: &str) -> Vec<Source> {
    changed(rows, |row| (!row.is(column, value)).then(|| row.clone()))
}

fn soft_delete(table: &str, condition: &str) -> String {
    format!("UPDATE {table} SET deleted = true, deleted_at = '{LATER}' WHERE {condition}")
}

#[test]
fn a_set_of_resources_that_karbor_changed_is_kept_whole_by_all() {
    Site::each(|site| {
        let mut first = self::site();
        first.push(resource(POLICY, "volume-9"));
        site.run(&first);
        site.sql(&soft_delete("resources", "resource_id = 'volume-1'"));
        let second = without(&first, "resource_id", "volume-9");
        // Of the site's job records one names the volume, which stays.
        for prune in [Prune::No, Prune::Yes { typed: None }] {
            site.prune = prune;
            site.run(&second).check(&[("resources", "3 unchanged, 1 deleted-in-karbor")]);
        }
        let verified = site.verify(&second);
        assert_eq!(verified("resources"), "3 equal, 3 deleted-in-karbor");
        assert_eq!(site.ask("SELECT count(*) FROM resources"), "5");
    });
}

#[test]
fn the_only_volume_of_a_deleted_plan_is_karbors_affair() {
    Site::each(|site| {
        let first = self::site();
        site.run(&first);
        site.sql(&soft_delete("plans", &format!("id = '{OTHER}'")));
        site.sql(&soft_delete("resources", &format!("plan_id = '{OTHER}'")));
        let mut second = without(&first, "resource_id", "volume-4");
        second.push(resource("nobody", "volume-4"));
        let verified = site.verify(&second);
        assert_eq!(verified("resources"), "3 equal, 1 deleted-in-karbor");
        site.run(&second).check(&[("plans", "2 unchanged, 1 deleted-in-karbor")]);
    });
}

#[test]
fn volumes_of_a_set_that_karbor_wrote_anew_are_as_they_were() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(&soft_delete("resources", &format!("plan_id = '{POLICY}'")));
        site.sql(&format!(
            "INSERT INTO resources (plan_id, resource_id, resource_type, resource_name, created_at, deleted) VALUES
                 ('{POLICY}', 'volume-1', 'OS::Cinder::Volume', 'db', '{LATER}', false),
                 ('{POLICY}', 'volume-77', 'OS::Cinder::Volume', 'more', '{LATER}', false)"
        ));
        site.run(&rows).check(&[("resources", "3 unchanged, 1 deleted-in-karbor")]);
    });
}

#[test]
fn of_a_volume_that_somebody_added_once_more_the_imported_row_is_the_sources() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(&format!(
            "INSERT INTO resources (plan_id, resource_id, resource_type, resource_name, created_at, deleted)
                 VALUES ('{OTHER}', 'volume-4', 'OS::Cinder::Volume', 'db', '{LATER}', false)"
        ));
        site.run(&rows).check(&[]);
        assert_eq!(site.verify(&rows)("resources"), "4 equal, 1 edited-or-karbors-own");
    });
}

#[test]
fn a_plan_stays_as_long_as_imported_copies_name_it() {
    Site::each(|site| {
        let mut first = self::site();
        first.extend([job("j-9", OTHER, "volume-4", "autobk_9")]);
        first.push(backup(&copy(9)).with("volume_id", "volume-4").with("display_name", "autobk_9"));
        first.extend((100..260).map(|n| backup(&copy(n))));
        site.run(&first);
        let linked = format!("SELECT count(*) FROM checkpoint_items WHERE plan_id = '{OTHER}'");
        assert_eq!(site.ask(&linked), "1");
        let gone = changed(&first, |row| {
            let gone = row.is("policy_id", OTHER) || row.is("name", "e-1");
            (!gone).then(|| row.clone())
        });
        let mut gone = gone;
        gone.extend([
            extend("e-9", "nobody"),
            relation("r-9", "nobody", "t-1"),
            job("j-8", POLICY, "v", "n"),
        ]);
        site.prune = Prune::Yes { typed: None };
        // The copies are not among the dumps.
        let alone = changed(&gone, |row| (row.table != "backups").then(|| row.clone()));
        let told = site.run(&alone);
        assert_eq!(told.became("plans"), "2 unchanged, 1 lost", "{:?}", told.0.warnings);
        let stay = "plans that 1 imported copies name were not removed";
        assert!(told.0.warnings.iter().any(|warning| warning.starts_with(stay)), "{:?}", told.0.warnings);
        // With them the copy names no plan any more, and the plan goes.
        let told = site.run(&gone);
        assert_eq!(told.became("plans"), "2 unchanged, 1 lost, 1 pruned", "{:?}", told.0.warnings);
        assert_eq!(site.ask(&linked), "0");
    });
}

#[test]
fn what_a_columns_type_drops_makes_no_difference() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql(
            "ALTER TABLE checkpoint_items ALTER created_at TYPE timestamp(0), ALTER updated_at TYPE timestamp(3),
                 ALTER name TYPE char(40), ALTER size TYPE numeric(12, 2), ALTER extend_info TYPE jsonb USING extend_info::jsonb;
             ALTER TABLE plans ALTER created_at TYPE timestamptz(2), ALTER name TYPE char(64);
             ALTER TABLE scheduled_operations ALTER id TYPE char(40), ALTER description TYPE char(30);
             ALTER TABLE triggers ALTER properties TYPE json USING properties::json",
        );
        let mut rows = self::site();
        rows.push(
            backup(&copy(77))
                .with("display_name", "ends in blanks   ")
                .with("created_at", "2018-05-05 10:00:00.5")
                .with("updated_at", "2018-05-05 10:00:00.123456"),
        );
        site.run(&rows);
        site.run(&rows).check(&[]);
        let verified = site.verify(&rows);
        assert_eq!(verified("checkpoint_items"), "5 equal");
        assert_eq!((verified("plans"), verified("triggers")), ("3 equal".to_owned(), "3 equal".to_owned()));
        assert_eq!(verified("scheduled_operations"), "3 equal");
        assert_eq!(site.roll_back(), 3 + 4 + 3 + 3 + 3 + 5);
    });
}

#[test]
fn a_domain_is_compared_as_the_type_that_it_is_made_of() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql(
            "CREATE DOMAIN named AS char(40); CREATE DOMAIN whole AS timestamp(0); CREATE DOMAIN moment AS whole;
             CREATE DOMAIN own_id AS uuid;
             ALTER TABLE checkpoint_items ALTER name TYPE named, ALTER updated_at TYPE moment, ALTER checkpoint_id TYPE own_id USING checkpoint_id::uuid,
                 ALTER id TYPE own_id USING id::uuid;
             ALTER TABLE plans ALTER updated_at TYPE moment",
        );
        let mut rows = self::site();
        rows.push(
            backup(&copy(77).to_uppercase())
                .with("display_name", "ends in blanks  ")
                .with("updated_at", "2018-05-05 10:00:00.6"),
        );
        let told = site.run(&rows);
        assert!(!told.0.warnings.iter().any(|warning| warning.contains("text")), "{:?}", told.0.warnings);
        site.run(&rows).check(&[]);
        assert_eq!(site.verify(&rows)("checkpoint_items"), "5 equal");
    });
}

#[test]
fn trusts_are_found_where_an_id_is_a_uuid_in_one_table_and_text_in_the_other() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql(
            "ALTER TABLE scheduled_operation_states DROP CONSTRAINT IF EXISTS scheduled_operation_states_operation_id_fkey;
             ALTER TABLE scheduled_operations ALTER id TYPE uuid USING id::uuid",
        );
        let rows = self::site();
        site.run(&rows);
        site.sql("UPDATE scheduled_operation_states SET trust_id = 'real' WHERE operation_id IN (SELECT CAST(id AS text) FROM scheduled_operations WHERE name = 'weekly')");
        let mut more = rows.clone();
        more.push(policy("3d663291-49fa-4231-8df3-0bf5613cdb52"));
        site.run(&more);
        assert_eq!(site.ask("SELECT count(*) FROM scheduled_operation_states WHERE trust_id = 'real'"), "3");
    });
}

#[test]
fn a_target_without_keys_is_no_excuse() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql("ALTER TABLE checkpoint_items DROP CONSTRAINT checkpoint_items_pkey");
        let rows = self::site();
        let mut twice = rows.clone();
        twice.push(backup(&copy(2)).with("display_name", "again"));
        let error = site.try_run(&twice).unwrap_err().to_string();
        assert!(error.contains("cinder.sql:10 and ") && error.contains("cinder.sql:12: "), "{error}");
        assert_eq!(site.ask("SELECT count(*) FROM checkpoint_items"), "0");
        site.run(&rows);
        // A row that somebody loaded twice is found before anything is done to either.
        site.sql(&format!(
            "INSERT INTO checkpoint_items SELECT * FROM checkpoint_items WHERE id = '{}'",
            copy(2)
        ));
        let verified = site.verify(&rows);
        assert_eq!(verified("checkpoint_items"), "4 equal, 1 extra");
        let edited = with(&rows, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
        });
        let error = site.try_run(&edited).unwrap_err().to_string();
        assert!(error.contains(&format!("the target contains two rows with the key {}", copy(2))), "{error}");
    });
}

#[test]
fn a_trust_that_is_known_later_reaches_operations_that_have_fired() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(&format!("UPDATE scheduled_operation_states SET state = 'running', updated_at = '{LATER}'"));
        site.run(&rows).check(&[("scheduled_operation_states", "3 changed-in-karbor")]);
        site.settings.trust_id = Some("real".to_owned());
        let verified = site.verify(&rows);
        assert_eq!(verified("scheduled_operation_states"), "3 different");
        site.run(&rows).check(&[("scheduled_operation_states", "3 updated")]);
        // Only the trust was the placeholder's; what the engine wrote stays.
        let states =
            "SELECT count(*) FROM scheduled_operation_states WHERE trust_id = 'real' AND state = 'running'";
        assert_eq!(site.ask(states), "3");
        // Another real trust is Karbor's affair, and so is a service that lives.
        site.settings.trust_id = Some("other".to_owned());
        site.run(&rows).check(&[("scheduled_operation_states", "3 changed-in-karbor")]);
        site.sql("UPDATE services SET disabled = true");
        site.sql(
            "INSERT INTO services (id, updated_at, deleted, host, \"binary\", report_count, disabled)
                 VALUES (78, '2030-01-01 00:00:00.000000', false, 'node3', 'karbor-operationengine', 0, false)",
        );
        site.settings.trust_id = None;
        site.run(&rows).check(&[("scheduled_operation_states", "3 updated")]);
        assert_eq!(site.ask("SELECT count(*) FROM scheduled_operation_states WHERE service_id = 78"), "3");
        // A service that is named takes them all over, whatever the engine wrote since.
        site.sql("UPDATE services SET disabled = false");
        site.settings.service_id = Some(1);
        site.run(&rows).check(&[("scheduled_operation_states", "3 updated")]);
        let taken =
            "SELECT count(*) FROM scheduled_operation_states WHERE service_id = 1 AND state = 'running'";
        assert_eq!(site.ask(taken), "3");
    });
}

#[test]
fn the_next_time_of_a_trigger_goes_when_its_schedule_changes() {
    Site::each(|site| {
        let rows = self::site();
        site.run(&rows);
        site.sql(
            "CREATE TABLE trigger_executions (id varchar(36), trigger_id varchar(36), execution_time timestamp);
             INSERT INTO trigger_executions SELECT id, id, '2030-01-01 00:00:00' FROM triggers",
        );
        let name = changed(&rows, |row| {
            let policy = row.table == "backup_policy" && row.is("policy_id", POLICY);
            let row = row.clone();
            Some(if policy {
                row.with("policy_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
            } else {
                row
            })
        });
        // Its trigger is updated, but fires as before.
        site.run(&name);
        assert_eq!(site.ask("SELECT count(*) FROM trigger_executions"), "3");
        let moved = changed(&name, |row| {
            let policy = row.table == "backup_policy" && row.is("policy_id", POLICY);
            let row = row.clone();
            Some(if policy {
                row.with("back_up_start_time", "05:00").with("updated_at", "2029-01-02 00:00:00")
            } else {
                row
            })
        });
        let mut before = site.rows();
        let told = site.run(&moved);
        assert_eq!(site.ask("SELECT count(*) FROM trigger_executions"), "2");
        let said =
            "the next times of 1 triggers whose schedules changed were removed from trigger_executions";
        assert!(told.0.warnings.iter().any(|warning| warning.starts_with(said)), "{:?}", told.0.warnings);
        before.retain(|row| !site.rows().contains(row));
        assert_eq!(before.len(), 3, "a plan, its trigger and its operation");
        site.roll_back();
        assert_eq!(site.ask("SELECT count(*) FROM trigger_executions"), "0");
    });
}

#[test]
fn older_dumps_are_told_as_that_and_remove_nothing_unasked() {
    Site::each(|site| {
        let older = self::site();
        let mut newer = with(&older, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
        });
        newer.extend((500..600).map(|n| backup(&copy(n))));
        newer.push(backup(&copy(400)).with("created_at", "2029-02-01 00:00:00"));
        site.run(&newer);
        let mut stale = older.clone();
        stale.extend((500..600).map(|n| backup(&copy(n))));
        let told = site.run(&stale);
        assert_eq!(told.became("checkpoint_items"), "103 unchanged, 1 newer-in-target, 1 lost");
        let seem = "the dumps seem older than what was imported";
        assert!(told.0.warnings.iter().any(|warning| warning.starts_with(seem)), "{:?}", told.0.warnings);
        site.prune = Prune::Yes { typed: None };
        let error = site.try_run(&stale).unwrap_err();
        assert!(error.to_string().contains(seem), "{error}");
        site.prune = Prune::Yes { typed: Some(1) };
        assert_eq!(
            site.run(&stale).became("checkpoint_items"),
            "103 unchanged, 1 newer-in-target, 1 lost, 1 pruned"
        );
    });
}

#[test]
fn rows_go_in_the_order_of_the_targets_own_foreign_keys() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.run(&self::site());
        site.sql(
            "ALTER TABLE checkpoint_items ADD FOREIGN KEY (plan_id) REFERENCES plans (id);
             ALTER TABLE plans ADD COLUMN last_item varchar(36) REFERENCES checkpoint_items (id) DEFERRABLE INITIALLY DEFERRED;
             CREATE TABLE tags (id serial, plan varchar(36) REFERENCES plans (id) ON DELETE CASCADE);
             INSERT INTO tags (plan) SELECT max(id) FROM plans",
        );
        let error = site.try_roll_back().unwrap_err();
        let told = format!("{error} / {}", error.remedy().unwrap());
        assert!(
            told.contains(
                "1 row of public.tags refers by \"plan\" to imported rows of plans; nothing was deleted"
            ),
            "{told}"
        );
        site.sql("DELETE FROM tags");
        site.roll_back();
        assert_eq!(site.ask("SELECT count(*) FROM plans"), "0");
    });
}

#[test]
fn who_may_only_read_can_check_and_verify() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        let rows = self::site();
        site.run(&rows);
        site.only_read();
        site.mode = pipeline::options::Mode::Check;
        let edited = with(&rows, "id", &copy(2), |row| {
            row.with("display_name", "renamed").with("updated_at", "2029-01-01 00:00:00")
        });
        let told = site.run(&edited);
        assert_eq!(told.became("checkpoint_items"), "1 updated, 3 unchanged", "{:?}", told.0.warnings);
        assert_eq!(site.verify(&edited)("checkpoint_items"), "3 equal, 1 different");
        site.mode = pipeline::options::Mode::Run;
        site.try_run(&edited).unwrap_err();
    });
}

/// The dumps of these rows, with further tables that have no rows at all.
fn dumps_with_empty(rows: &[Source], empty: &[&str]) -> Vec<(&'static str, Vec<u8>)> {
    let files = ["cinder.sql", "vbs.sql", "dps.sql"].into_iter();
    let texts = files.filter_map(|name| {
        let own: Vec<&Source> = rows.iter().filter(|row| file_of(row.table) == name).collect();
        let tables: String = empty
            .iter()
            .filter(|block| file_of(block.split(' ').next().unwrap()) == name)
            .map(|block| format!("COPY {block} FROM stdin;\n\\.\n\n"))
            .collect();
        let text = dump(&own, Form::Copy);
        let text = text.strip_suffix(TAIL).unwrap().to_owned() + &tables + TAIL;
        (!own.is_empty() || !tables.is_empty()).then(|| (name, text.into_bytes()))
    });
    texts.collect()
}

const JOBS: &str = "backup_create_running_job_record (job_id, policy_id, resource_id, backup_name)";
const EXTENDS: &str = "backup_policy_extend (id, policy_id)";

/// The site with two copies that the other policy made, and enough of all that one family is less than a tenth.
fn linked() -> Vec<Source> {
    let mut rows = site();
    for n in [8, 9] {
        let name = format!("autobk_{n}");
        rows.push(job(&format!("j-{n}"), OTHER, "volume-4", &name));
        rows.push(backup(&copy(n)).with("volume_id", "volume-4").with("display_name", &name));
    }
    rows.extend((100..260).map(|n| backup(&copy(n))));
    rows
}

const LINKED: &str =
    "SELECT count(*) FROM checkpoint_items WHERE plan_id = '1d663291-49fa-4231-8df3-0bf5613cdb52'";

/// The linked site without the other policy and its job records; its tables are still there.
fn without_other() -> Vec<Source> {
    let mut rows = changed(&linked(), |row| (!row.is("policy_id", OTHER)).then(|| row.clone()));
    rows.extend([extend("e-9", "nobody"), relation("r-9", "nobody", "t-1")]);
    rows
}

#[test]
fn a_plan_stays_for_a_copy_that_this_run_cannot_take_off_it() {
    Site::each(|site| {
        site.run(&linked());
        let rows = with(&without_other(), "id", &copy(9), |row| row.with("status", "restoring"));
        site.prune = Prune::Yes { typed: None };
        let stays = "2 unchanged, 1 lost";
        assert_eq!(site.check(&rows).became("plans"), stays);
        let told = site.run(&rows);
        assert_eq!(told.became("plans"), stays, "{:?}", told.0.warnings);
        assert_eq!(site.ask(LINKED), "1");
        // Once the copy is steady again it names no plan, and the plan goes.
        assert_eq!(site.run(&without_other()).became("plans"), "2 unchanged, 1 lost, 1 pruned");
        assert_eq!(site.ask(LINKED), "0");
    });
}

#[test]
fn copies_that_may_not_be_removed_keep_their_plan() {
    Site::each(|site| {
        site.run(&linked());
        site.prune = Prune::Yes { typed: None };
        let rows = changed(&without_other(), |row| (row.table != "backups").then(|| row.clone()));
        let backups = "backups (id, volume_id, project_id, status, deleted)";
        let told = site.try_run_dumps(dumps_with_empty(&rows, &[backups])).unwrap();
        assert!(
            told.warnings.iter().any(|warning| warning.contains("backups has no rows at all")),
            "{told:?}"
        );
        assert_eq!(site.ask(&format!("SELECT count(*) FROM plans WHERE id = '{OTHER}'")), "1");
        assert_eq!(site.ask(LINKED), "2");
    });
}

#[test]
fn tables_without_rows_take_nothing_from_what_was_imported() {
    Site::each(|site| {
        site.run(&linked());
        let before = site.rows();
        // Dumped without rights: no job record, no extend row, no tag.
        let lack = [
            ("backup_create_running_job_record", JOBS),
            ("backup_policy_extend", EXTENDS),
            ("tag", "tag (resource_id, tag_key, tag_value)"),
        ];
        let rows =
            changed(&linked(), |row| lack.iter().all(|(table, _)| row.table != *table).then(|| row.clone()));
        for prune in [Prune::No, Prune::Yes { typed: None }] {
            site.prune = prune;
            let told = site.try_run_dumps(dumps_with_empty(&rows, &lack.map(|(_, block)| block))).unwrap();
            assert_eq!(told.changed(), 0, "{told:?}");
            assert_eq!(site.rows(), before);
        }
    });
}

#[test]
fn a_policy_that_is_set_aside_keeps_its_copies() {
    Site::each(|site| {
        site.run(&linked());
        let folder = tempfile::tempdir().unwrap();
        site.rejects = Some(folder.path().join("bad.sql"));
        let bad = changed(&linked(), |row| {
            let row = row.clone();
            Some(if row.is("id", "e-1") { row.with("rentention_num", "many") } else { row })
        });
        let told = site.run(&bad);
        assert!(told.0.rejected > 0);
        assert_eq!(told.became("checkpoint_items"), "166 unchanged");
        assert_eq!(site.ask(LINKED), "2");
    });
}

#[test]
fn a_row_that_cannot_be_read_may_be_any_copy() {
    Site::each(|site| {
        let rows = linked();
        site.run(&rows);
        let folder = tempfile::tempdir().unwrap();
        site.rejects = Some(folder.path().join("bad.sql"));
        let mut dumps = dumps_with_empty(&rows, &[]);
        let text = String::from_utf8(dumps[0].1.clone()).unwrap();
        let line = text.lines().find(|line| line.contains(&copy(105))).unwrap();
        dumps[0].1 = text.replace(line, "a row of one field").into_bytes();
        let told = site.try_run_dumps(dumps).unwrap();
        let items = told.tables.iter().find(|table| table.table == "checkpoint_items").unwrap();
        assert_eq!((told.rejected, items.lost), (1, 0), "{:?}", told.target_rows);
    });
}

#[test]
fn a_copy_that_was_deleted_last_does_not_make_the_dumps_old() {
    Site::each(|site| {
        let mut rows = linked();
        rows.push(backup(&copy(400)).with("created_at", "2029-02-01 00:00:00"));
        site.run(&rows);
        let gone = with(&rows, "id", &copy(400), |row| {
            row.with("deleted", "t").with("updated_at", "2029-02-02 00:00:00")
        });
        site.prune = Prune::Yes { typed: None };
        assert_eq!(site.run(&gone).became("checkpoint_items"), "166 unchanged, 1 lost, 1 pruned");
    });
}

#[test]
fn rows_of_partitions_are_not_taken_for_each_other() {
    Site::each(|site| {
        if !site.is_postgres() {
            return;
        }
        site.sql(
            "ALTER TABLE checkpoint_items RENAME TO whole;
             CREATE TABLE checkpoint_items (LIKE whole INCLUDING DEFAULTS) PARTITION BY HASH (id);
             CREATE TABLE part_0 PARTITION OF checkpoint_items FOR VALUES WITH (MODULUS 2, REMAINDER 0);
             CREATE TABLE part_1 PARTITION OF checkpoint_items FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        );
        site.run(&self::site());
        let before = site.rows();
        let error = site.try_run(&self::site()).unwrap_err().to_string();
        assert!(error.contains("has partitions or child tables, whose rows cannot be compared"), "{error}");
        assert_eq!(site.rows(), before);
    });
}

#[test]
fn partitions_as_opengauss_keeps_them_are_found() {
    Site::each(|site| {
        // Its catalog has a table of partitions, which are no child tables. Older servers let nobody add to the catalog.
        let adds =
            site.is_postgres() && site.ask("SELECT current_setting('server_version_num') >= '130000'") == "t";
        if !adds {
            return;
        }
        site.sql(
            "SET allow_system_table_mods = on;
             CREATE TABLE pg_catalog.pg_partition (relname name, parttype \"char\", parentid oid);
             INSERT INTO pg_catalog.pg_partition VALUES ('whole', 'r', CAST('plans' AS regclass))",
        );
        let rows = self::site();
        site.run(&rows);
        site.run(&rows).check(&[]);
        site.sql(
            "SET allow_system_table_mods = on;
             INSERT INTO pg_catalog.pg_partition VALUES ('p1', 'p', CAST('plans' AS regclass))",
        );
        let error = site.try_run(&rows).unwrap_err().to_string();
        assert!(error.contains("has partitions or child tables, whose rows cannot be compared"), "{error}");
    });
}
