//! The words of the reports: explained in one place, and the same in every report, in the help and in the runbook.

use crate::scene::Scene;
use etl::import::report::glossary::groups;
use std::fmt::Write as _;

#[test]
fn every_word_is_explained_by_the_command_and_by_its_help() {
    let scene = Scene::new();
    let answer = scene.etl(&["outcomes"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = scene.etl(&["help", "outcomes"]).stdout;
    for (word, meaning) in groups().into_iter().flat_map(|group| group.words) {
        let line = format!("{word} {meaning}");
        assert!(unwrapped(&answer.stdout).contains(&line), "{line}: {}", answer.stdout);
        assert!(unwrapped(&help).contains(&line), "{line}: {help}");
    }
    assert!(answer.stdout.lines().all(|line| line.chars().count() <= 80), "{}", answer.stdout);
}

#[test]
fn the_runbook_explains_the_same_words() {
    let mut table = String::from("| word | of what | what it means |\n| --- | --- | --- |\n");
    for group in groups() {
        for (word, meaning) in group.words {
            let _ = writeln!(table, "| `{word}` | {} | {meaning} |", group.heading);
        }
    }
    let runbook = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/RUNBOOK.md")).unwrap();
    assert!(runbook.contains(&table), "RUNBOOK.md lacks this table:\n{table}");
}

#[test]
fn reports_have_no_other_words() {
    let known: Vec<&str> = groups().iter().flat_map(|group| &group.words).map(|(word, _)| *word).collect();
    let scene = Scene::new();
    let dumps = ["cinder.sql", "vbs.sql", "dps.sql"].map(crate::scene::fixture);
    let line = ["run", "--no-log", "--quiet", "--report", "report.html", &dumps[0], &dumps[1], &dumps[2]];
    let text = scene.etl(&line).stdout;
    let mut found = 0;
    for head in text.lines().filter(|line| line.starts_with("Source rows") || line.starts_with("Target rows"))
    {
        for word in head.split("  ").map(str::trim).filter(|word| !word.is_empty()).skip(1) {
            assert!(known.contains(&word), "{word}");
            found += 1;
        }
    }
    let notes = text.lines().map(str::trim);
    for reasons in notes.filter_map(|line| line.strip_prefix("skipped: ").or(line.strip_prefix("deferred: ")))
    {
        for reason in reasons.split(", ").map(|reason| reason.split_once(' ').unwrap().0) {
            assert!(known.contains(&reason), "{reason}");
            found += 1;
        }
    }
    assert!(found > 20, "{text}");
    // One word for one thing.
    let page = scene.read("report.html");
    for report in [&text, &page] {
        assert!(report.to_lowercase().contains("deferred"), "{report}");
        let report = report.to_lowercase().replace("backup_create_waiting_job_record", "");
        assert!(!report.contains("waiting") && !report.contains("rows wait"), "{report}");
    }
}
