//! ARCHITECTURE.md and SECURITY.md name existing tests and scenarios.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PAPERS: [&str; 2] = ["ARCHITECTURE.md", "SECURITY.md"];

/// The heading of the column that names tests.
const SHOWN_BY: &str = "Shown by";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of Rust below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => {
                vec![path].into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
            }
        })
        .collect()
}

/// The names of all tests, and all texts in quotes of the scenarios.
fn known() -> (BTreeSet<String>, String) {
    let files = ["src", "tests"].into_iter().flat_map(|folder| sources(&root().join(folder)));
    let tests = files.flat_map(|file| tests(&read(&file)));
    (tests.collect(), read(&root().join("tests/faults/scenarios.rs")))
}

/// The names of the tests in a file: after their attribute, or in the macro that makes one for each database.
fn tests(text: &str) -> Vec<String> {
    let is_of_a_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let of_both = text.contains("on_both_databases! {");
    let mut is_next = false;
    let mut found = vec![];
    for line in text.lines() {
        if line.trim_start().starts_with("#[test]") || line.trim_start().starts_with("#[tokio::test") {
            is_next = true;
        } else if let Some((_, rest)) = line.split_once("fn ")
            && (is_next || (of_both && line.starts_with("    async fn ")))
        {
            found.push(rest.chars().take_while(|next| is_of_a_name(*next)).collect());
            is_next = false;
        }
    }
    found
}

/// What stands between these two marks.
fn between(text: &str, open: char, close: char) -> Vec<&str> {
    let mut found = vec![];
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(open)
        && let Some((inner, after)) = after.split_once(close)
    {
        found.push(inner);
        rest = after;
    }
    found
}

/// Whether this is written as the names of tests are.
fn is_sentence(name: &str) -> bool {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_plain && !name.starts_with("sas_") && name.matches('_').count() >= 4
}

fn cells(row: &str) -> Vec<&str> {
    row.trim().trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn documents_name_existing_tests() {
    let (functions, scenarios) = known();
    let exists = |name: &str| {
        let (path, in_src) = (root().join(name), root().join("src").join(name));
        match name.strip_suffix('…') {
            Some(beginning) if beginning.len() < 10 => false,
            Some(beginning) => functions.iter().any(|function| function.starts_with(beginning)),
            None => functions.contains(name) || path.exists() || in_src.exists(),
        }
    };
    for paper in PAPERS {
        let text = read(&root().join(paper));
        let mut rows = 0;
        let mut column = None;
        for line in text.lines() {
            for name in between(line, '`', '`').into_iter().filter(|name| is_sentence(name)) {
                assert!(exists(name), "{paper}: no test {name}");
            }
            let cells = if line.starts_with('|') { cells(line) } else { vec![] };
            if cells.is_empty() {
                column = None;
            } else if let Some(number) = cells.iter().position(|cell| *cell == SHOWN_BY) {
                column = Some(number);
            } else if let Some(number) = column.filter(|_| !line.starts_with("|--")) {
                let shown = cells.get(number).unwrap_or_else(|| panic!("{paper}: a row of other columns: {line}"));
                let names = between(shown, '`', '`');
                let named_scenarios = between(shown, '“', '”');
                assert!(names.len() + named_scenarios.len() > 0, "{paper}: nothing shows: {line}");
                for name in names {
                    assert!(exists(name), "{paper}: no test {name}");
                }
                for name in named_scenarios {
                    assert!(scenarios.contains(&format!("name: \"{name}\"")), "{paper}: no scenario {name}");
                }
                rows += 1;
            }
        }
        assert!(rows > 15, "{paper}: {rows} claims");
    }
}
