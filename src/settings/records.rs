//! The time zone that the records beside dumps know (`etl dump` writes them), for where nobody said one.
//!
//! A record counts only where size and digest are those of the dump beside it.

use crate::settings::Settings;
use crate::settings::key::Key;
use crate::settings::origin::{GivenSetting, Origin};
use crate::settings::record::{Record, beside};
use crate::settings::setting_error::SettingError;
use std::path::{Path, PathBuf};

impl Settings {
    /// Takes the time zone from the records beside these dumps, if nobody said one. Answers what is to be told of
    /// records that are not used.
    ///
    /// # Errors
    /// Two records name different zones, or one names none that there is.
    pub fn take_recorded_zone(&mut self, dumps: &[String]) -> Result<Vec<String>, SettingError> {
        if self.said.iter().any(|said| said.key == Key::ServerTimezone) {
            return Ok(Vec::new());
        }
        let mut remarks = Vec::new();
        let mut found: Option<(PathBuf, String)> = None;
        for dump in dumps.iter().map(Path::new).filter(|dump| dump.is_file()) {
            let path = beside(dump);
            let record = match Record::read(dump) {
                Ok(Some(record)) => record,
                Ok(None) => continue,
                Err(error) => {
                    remarks.push(format!("{}: the record is not used: {error}", path.display()));
                    continue;
                }
            };
            if let Some(problem) = mismatch(dump, &record) {
                remarks.push(format!(
                    "{}: the record is of another file than {} ({problem}): its time zone is not used",
                    path.display(),
                    dump.display()
                ));
                continue;
            }
            let Some(zone) = record.server_timezone else { continue };
            match &found {
                Some((first, known)) if *known != zone => {
                    return Err(SettingError::Records {
                        first: first.clone(),
                        first_zone: known.clone(),
                        second: path,
                        second_zone: zone,
                    });
                }
                Some(_) => {}
                None => found = Some((path, zone)),
            }
        }
        if let Some((path, value)) = found {
            let said = GivenSetting { key: Key::ServerTimezone, value, origin: Origin::Record { path } };
            self.take(&said)?;
            self.said.insert(0, said);
        }
        Ok(remarks)
    }
}

/// In what a dump is not the one that a record is of.
fn mismatch(dump: &Path, record: &Record) -> Option<String> {
    let size = match std::fs::metadata(dump) {
        Ok(found) => found.len(),
        Err(error) => return Some(error.to_string()),
    };
    if size != record.bytes {
        return Some(format!("{size} bytes, not {}", record.bytes));
    }
    match crate::base::digest::of_file(dump, |error| error, || Ok(())) {
        Ok((digest, _)) if digest == record.sha256 => None,
        Ok((digest, _)) => Some(format!("SHA-256 {digest}, not {}", record.sha256)),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SettingsFile;
    use super::*;
    use crate::base::error::CommandError as _;
    use crate::settings::args::SettingArgs;
    use crate::ui::environment::Environment;
    use pipeline::settings::ZoneOrigin;
    use schedules::zone::Zone;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn dump(&self, name: &str, text: &str, zone: Option<&str>) -> String {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            let record = Record {
                node: "n".to_owned(),
                database: "cinder".to_owned(),
                dumped_at: "2026-11-25T17:00:00Z".to_owned(),
                server_timezone: zone.map(str::to_owned),
                bytes: u64::try_from(text.len()).unwrap(),
                sha256: crate::base::digest::of(text.as_bytes()),
            };
            record.write(&path).unwrap();
            path.to_str().unwrap().to_owned()
        }
    }

    fn take(dumps: &[String], file: &str) -> Result<(Settings, Vec<String>), SettingError> {
        let environment = Environment { variable: &|_| None, ..Environment::of_process() };
        let file = SettingsFile::parse(Path::new("etl.toml"), file).unwrap();
        let mut settings = Settings::resolve(&SettingArgs::default(), &environment, &file).unwrap();
        let remarks = settings.take_recorded_zone(dumps)?;
        Ok((settings, remarks))
    }

    #[test]
    fn the_zone_of_the_records_is_taken_where_nobody_says_one() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let dumps = [
            folder.dump("cinder.sql", "abc", Some("Asia/Tokyo")),
            folder.dump("vbs.sql", "def", Some("Asia/Tokyo")),
            folder.dump("dps.sql", "ghi", None),
            "-".to_owned(),
        ];
        let (settings, remarks) = take(&dumps, "").unwrap();
        let zone = &settings.conversion.server_zone;
        assert_eq!((zone.zone, zone.origin), (Zone::parse("Asia/Tokyo").unwrap(), ZoneOrigin::DumpRecord));
        assert!(remarks.is_empty());
        assert!(settings.said[0].to_string().ends_with("cinder.sql.toml: server_timezone = \"Asia/Tokyo\""));
        assert_eq!(super::super::in_force(&settings.said)["server_timezone"], "Asia/Tokyo");
        let (settings, _) = take(&dumps, "server_timezone = \"UTC\"").unwrap();
        assert_eq!(settings.conversion.server_zone.origin, ZoneOrigin::SettingsFile);
        let (settings, _) = take(&[], "").unwrap();
        assert_eq!(settings.conversion.server_zone.origin, ZoneOrigin::Default);
    }

    #[test]
    fn a_record_of_another_file_is_told_and_not_used() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let dump = folder.dump("cinder.sql", "abc", Some("Asia/Tokyo"));
        for (text, problem) in [("abd", "SHA-256 "), ("abcd", "4 bytes, not 3")] {
            std::fs::write(&dump, text).unwrap();
            let (settings, remarks) = take(std::slice::from_ref(&dump), "").unwrap();
            assert_eq!(settings.conversion.server_zone.origin, ZoneOrigin::Default);
            assert!(
                remarks[0].contains("the record is of another file") && remarks[0].contains(problem),
                "{remarks:?}"
            );
        }
        std::fs::write(beside(Path::new(&dump)), "no record").unwrap();
        let (_, remarks) = take(&[dump], "").unwrap();
        assert!(remarks[0].contains("cinder.sql.toml: the record is not used: "), "{remarks:?}");
    }

    #[test]
    fn records_that_disagree_are_refused() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let dumps = [
            folder.dump("cinder.sql", "abc", Some("Asia/Tokyo")),
            folder.dump("vbs.sql", "def", Some("Asia/Shanghai")),
        ];
        let error = take(&dumps, "").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("cinder.sql.toml says Asia/Tokyo")
                && text.contains("vbs.sql.toml says Asia/Shanghai"),
            "{text}"
        );
        assert!(error.remedy().unwrap().contains("--server-timezone"));
    }
}
