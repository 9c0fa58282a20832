//! The report as a page: whole, saying what the report says, and nothing of a name's.

use crate::report::{copies, full, summary};
use etl::base::exit::Exit;
use etl::import::report::file::ReportFile;
use etl::import::report::summary::{CommandKind, Summary};
use etl::import::report::summary::{Ended, Inputs};
use pipeline::load::Service;
use pipeline::load::spec::Spec;
use pipeline::outcome::{CopyReport, MonthCount, Report};

/// The page of a report, as it stands in its file.
fn page(ended: &Ended<'_>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.HTML");
    ReportFile::create(&path).unwrap().write(ended).unwrap();
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["report.HTML"]);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o600, "values from dumps stand in it");
    std::fs::read_to_string(path).unwrap()
}

fn ended<'r>(
    summary: Option<Summary<'r>>,
    error: Option<&'r etl::base::error::Error>,
    exit: Exit,
) -> Ended<'r> {
    static NONE: Inputs = Inputs { settings: Vec::new(), files: Vec::new() };
    Ended {
        inputs: &NONE,
        command: "run",
        exit,
        error,
        finished: 1_767_225_600,
        seconds: 4.75,
        peak_memory: Some(43_200_512),
        summary,
    }
}

/// All text of a page in the order in which it is read; the page is whole, and XML.
fn words(page: &str) -> Vec<String> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(page, options).expect("a page that is whole");
    let body = document.descendants().find(|node| node.has_tag_name("body")).unwrap();
    let texts = body.descendants().filter(|node| node.is_text()).filter_map(|node| node.text());
    texts
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|text| !text.is_empty())
        .collect()
}

#[test]
fn a_page_is_whole_and_says_what_the_report_says() {
    let report = full();
    let spec = Spec::Postgres(String::new());
    let page = page(&ended(Some(summary(&report, CommandKind::Run, Some(&spec))), None, Exit::Incomplete));
    let words = words(&page);
    insta::assert_snapshot!("page", words.join("\n").replace(etl::cli::version::VERSION, "VERSION"));
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let pictures: Vec<_> = document.descendants().filter(|node| node.tag_name().name() == "svg").collect();
    assert_eq!(pictures.len(), 5);
    for picture in &pictures {
        assert!(picture.attribute("aria-label").is_some() && picture.attribute("viewBox").is_some());
        assert!(picture.descendants().filter(|node| node.is_element()).count() > 3, "{picture:?}");
    }
    // Nothing is loaded from anywhere, and nothing is run.
    for name in ["script", "link", "img", "iframe", "object", "form", "a"] {
        assert!(document.descendants().all(|node| !node.has_tag_name(name)), "{name}");
    }
    for what in ["src=", "href=", "url(", "@import", "onload"] {
        assert!(!page.contains(what), "{what}");
    }
}

#[test]
fn colours_of_pictures_are_known_to_the_style_for_dark_screens() {
    let report = full();
    let page = page(&ended(Some(summary(&report, CommandKind::Run, None)), None, Exit::Incomplete));
    let (style, body) = page.split_once("</style>").unwrap();
    let drawn: std::collections::BTreeSet<&str> =
        body.match_indices("fill=\"#").filter_map(|(at, _)| body.get(at + 6..at + 13)).collect();
    assert!(drawn.len() > 5, "{drawn:?}");
    for colour in drawn {
        assert!(style.contains(&format!("[fill=\"{colour}\"]")), "{colour} stays as it is in the dark");
    }
}

#[test]
fn names_in_a_page_are_text_and_nothing_else() {
    let evil = "<script>\"'&amp;</style>]]>\u{1b}[2J\0\u{ffff} 备份 \u{202e}";
    let mut report = full();
    report.dumps[0].name = evil.into();
    report.dumps[0].other_tables = [(evil.to_owned(), 1)].into();
    report.dumps[0].unknown_columns = [("tag".to_owned(), vec![evil.into()])].into();
    report.tables[0].table = evil.into();
    report.zones[0].zone = evil.into();
    report.warnings = vec![evil.into()];
    report.target = Some(evil.into());
    report.rejections[0].reason = evil.into();
    report.rejects_file = Some(evil.into());
    report.copies.tenants[0].project_id = evil.into();
    let drifting = &mut report.schedules.as_mut().unwrap().listed[0];
    (drifting.name, drifting.policy_id, drifting.cause) =
        (evil.into(), format!("{evil}2").into(), evil.into());
    report.service = Some(Service { id: 1, host: Some(evil.into()), others: vec![evil.into()] });
    let error = etl::base::error::Error::from(pipeline::error::Error::target(evil, evil));
    let spec = Spec::Script(evil.into());
    let summary = summary(&report, CommandKind::Run, Some(&spec));
    let page = page(&ended(Some(summary), Some(&error), Exit::Failed));
    let shown = "<script>\"'&amp;</style>]]>\\u{1b}[2J\\u{0}\u{fffd} 备份 \\u{202e}";
    let words = words(&page).join("\n");
    // The title is in the head too, which is not counted; the file of rejected rows is named twice.
    assert_eq!(words.matches(shown.trim_end()).count(), 18, "{words}");
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn a_page_without_a_report_says_why() {
    let error = etl::base::error::Error::from(pipeline::error::Error::target(
        "karbor.db: the disk is full",
        "make room",
    ));
    let words = words(&page(&ended(None, Some(&error), Exit::Failed)));
    assert_eq!(
        words[..4],
        [
            "etl run · 2026-01-01 00:00 UTC · exit code 1",
            "Failed: nothing was written",
            "karbor.db: the disk is full",
            "→ make room"
        ]
    );
    let unknown = etl::base::error::Error::from(pipeline::error::Error::CommitUnknown("it went away".into()));
    let words = self::words(&page(&ended(None, Some(&unknown), Exit::Unknown)));
    assert_eq!(words[1], "It is not known whether anything was written");
}

#[test]
fn copies_of_many_years_are_drawn_by_year() {
    let report_of = |months: Vec<MonthCount>| {
        let report = Report { copies: CopyReport { months, ..copies() }, ..full() };
        words(&page(&ended(Some(summary(&report, CommandKind::Run, None)), None, Exit::Done))).join("\n")
    };
    let month = |year, month| MonthCount { year, month, good: 1, bad: 1 };
    let months = report_of(vec![month(2018, 11), month(2019, 2)]);
    assert!(months.contains("2018-11\n2018-12\n2019-01\n2019-02"), "{months}");
    let years = report_of(vec![month(2015, 1), month(2019, 2)]);
    assert!(years.contains("2015\n2016\n2017\n2018\n2019"), "{years}");
    // One copy of the year 1 must not draw two thousand bars.
    let absurd = report_of(vec![month(1, 1), month(9999, 12)]);
    assert!(absurd.contains("9964") && !absurd.contains("9963"), "{absurd}");
    assert!(!report_of(Vec::new()).is_empty());
}
