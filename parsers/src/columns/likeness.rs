//! Whether a table that is not known may be a known one under another name, judged by its columns.

use super::ColumnMap;
use crate::table::Table;

/// Columns that tables of every program have: they say nothing of which table it is.
const COMMON: [&str; 20] = [
    "availability_zone",
    "created_at",
    "deleted",
    "deleted_at",
    "description",
    "domain_id",
    "enabled",
    "extra_info",
    "fail_reason",
    "host",
    "id",
    "key",
    "name",
    "project_id",
    "size",
    "status",
    "tenant_id",
    "updated_at",
    "user_id",
    "value",
];

/// So many columns of its own must be found; or all where a table has fewer, and three quarters of those that others have too.
const TELLING: usize = 3;

impl ColumnMap {
    /// The tables whose rows are converted, or needed to convert others, and most of whose columns a table with these columns has;
    /// with the number of columns found. A table that the map gives no name is not looked for.
    #[must_use]
    pub fn resembled(&self, listed: &[String]) -> Vec<(Table, usize)> {
        let telling = |name: &&String| COMMON.binary_search(&name.as_str()).is_err();
        let own: Vec<&String> = listed.iter().filter(telling).collect();
        let mut found = Vec::new();
        for table in Table::ALL {
            let unread = [Table::Quotas, Table::QuotaUsages, Table::WaitingJobRecord, Table::TaskmgrJob];
            let Some(entry) = self.entries.get(&table) else { continue };
            if unread.contains(&table) || entry.names.is_empty() {
                continue;
            }
            let named = |name: &String| entry.columns.values().flatten().any(|known| known == name);
            let columns =
                entry.columns.values().filter(|names| names.iter().any(|name| telling(&name))).count();
            let shared = own.iter().filter(|name| named(name)).count();
            let all = listed.iter().filter(|name| named(name)).count();
            let few = columns < TELLING;
            let enough =
                if few { shared == columns && all * 4 >= entry.columns.len() * 3 } else { shared >= TELLING };
            if enough && shared * 2 > own.len() {
                found.push((table, all));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resembled(map: &ColumnMap, listed: &[&str]) -> Vec<Table> {
        let listed: Vec<String> = listed.iter().map(|name| (*name).to_owned()).collect();
        map.resembled(&listed).into_iter().map(|(table, _)| table).collect()
    }

    #[test]
    fn every_table_is_known_again_by_its_columns_and_by_most_of_them() {
        assert!(COMMON.is_sorted());
        let map = ColumnMap::built_in().unwrap();
        for table in Table::ALL {
            let entry = &map.entries[&table];
            let all: Vec<&str> = entry.columns.keys().map(String::as_str).collect();
            let unread = [Table::Quotas, Table::QuotaUsages, Table::WaitingJobRecord, Table::TaskmgrJob];
            assert_eq!(resembled(&map, &all).contains(&table), !unread.contains(&table), "{table}");
            if all.len() > 12 && !unread.contains(&table) {
                let mut some: Vec<&str> = all.iter().copied().skip(2).collect();
                some.extend(["one_more", "and_another"]);
                assert!(resembled(&map, &some).contains(&table), "{table}");
            }
        }
    }

    #[test]
    fn tables_of_other_programs_are_not_taken_for_ours() {
        let map = ColumnMap::built_in().unwrap();
        for columns in [
            // cinder's snapshots, volume_types and quota_classes, trove's backups, keystone's project.
            &[
                "created_at",
                "updated_at",
                "deleted_at",
                "deleted",
                "id",
                "volume_id",
                "user_id",
                "project_id",
                "status",
                "progress",
                "volume_size",
                "scheduled_at",
                "display_name",
                "display_description",
                "provider_location",
                "encryption_key_id",
                "volume_type_id",
                "cgsnapshot_id",
            ][..],
            &[
                "created_at",
                "updated_at",
                "deleted_at",
                "deleted",
                "id",
                "name",
                "qos_specs_id",
                "is_public",
                "description",
            ],
            &[
                "created_at",
                "updated_at",
                "deleted_at",
                "deleted",
                "id",
                "class_name",
                "resource",
                "hard_limit",
            ],
            &[
                "id",
                "name",
                "description",
                "location",
                "backup_type",
                "size",
                "tenant_id",
                "state",
                "instance_id",
                "checksum",
                "backup_timestamp",
                "deleted",
                "created",
                "updated",
                "parent_id",
            ],
            &["id", "name", "extra", "description", "enabled", "domain_id", "parent_id", "is_domain"],
        ] {
            assert_eq!(resembled(&map, columns), [], "{columns:?}");
        }
    }

    #[test]
    fn a_table_without_a_name_is_not_looked_for() {
        let mut map = ColumnMap::built_in().unwrap();
        map.override_with("[protection_plan_policy_mapping]\nnames = []\n").unwrap();
        assert_eq!(resembled(&map, &["id", "plan_id", "policy_id"]), []);
    }
}
