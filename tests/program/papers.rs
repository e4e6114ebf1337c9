//! ARCHITECTURE.md and SECURITY.md name existing tests and scenarios.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 2] = ["ARCHITECTURE.md", "SECURITY.md"];

/// Precedes the tests that show a claim: the heading of a column, or words of a sentence.
const SHOWN_BY: &str = "Shown by";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a folder.
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

/// The names of all tests, and the source of the scenarios.
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

/// The texts between these two marks.
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

/// Whether this has the form of a test name.
fn is_test_name(name: &str) -> bool {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_plain && !name.starts_with("sas_") && name.matches('_').count() >= 4
}

/// The cells of a row of a table.
fn cells(row: &str) -> Vec<&str> {
    row.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// The evidence in a document: for each row of a table with a column "Shown by" that column, and for each item of a list
/// under the heading "Invariants" the text after "Shown by".
fn evidence(document: &str, text: &str) -> Vec<String> {
    let mut found = vec![];
    let mut column = None;
    let mut items: Vec<String> = vec![];
    let mut is_in_invariants = false;
    for line in text.lines() {
        let cells = if line.starts_with('|') { cells(line) } else { vec![] };
        if cells.is_empty() {
            column = None;
        } else if let Some(number) = cells.iter().position(|cell| *cell == SHOWN_BY) {
            column = Some(number);
        } else if let Some(number) = column.filter(|_| !line.starts_with("|--")) {
            let cell = cells.get(number).unwrap_or_else(|| panic!("{document}: a row of other columns: {line}"));
            found.push((*cell).to_owned());
        }
        if line.starts_with("## ") {
            is_in_invariants = line == "## Invariants";
        } else if is_in_invariants && line.starts_with("- ") {
            items.push(line.to_owned());
        } else if is_in_invariants && line.starts_with("  ") {
            let item = items.last_mut().unwrap_or_else(|| panic!("{document}: no item: {line}"));
            item.push(' ');
            item.push_str(line.trim());
        }
    }
    found.extend(items.iter().map(|item| {
        let (_, shown) = item.split_once(SHOWN_BY).unwrap_or_else(|| panic!("{document}: nothing shows: {item}"));
        shown.to_owned()
    }));
    found
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
    for document in DOCUMENTS {
        let text = read(&root().join(document));
        for name in text.lines().flat_map(|line| between(line, '`', '`')).filter(|name| is_test_name(name)) {
            assert!(exists(name), "{document}: no test {name}");
        }
        let evidence = evidence(document, &text);
        assert!(evidence.len() > 15, "{document}: {} claims", evidence.len());
        for shown in evidence {
            let (names, named_scenarios) = (between(&shown, '`', '`'), between(&shown, '“', '”'));
            assert!(names.len() + named_scenarios.len() > 0, "{document}: names nothing: {shown}");
            for name in names {
                assert!(exists(name), "{document}: no test {name}");
            }
            for name in named_scenarios {
                assert!(scenarios.contains(&format!("name: \"{name}\"")), "{document}: no scenario {name}");
            }
        }
    }
}
