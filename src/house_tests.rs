//! Rules of the source tree: imports go one way and in no circle, and `sqlx`, `clap` and `super::super` are named only
//! where they may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each module with the modules that it may use.
const DIRECTION: [(&str, &[&str]); 25] = [
    ("background", &[]),
    ("characters", &[]),
    ("issue", &[]),
    ("fhir", &["issue"]),
    ("clock", &["fhir"]),
    ("error", &["deadline", "fhir", "issue"]),
    ("deadline", &[]),
    ("audit", &["clock", "fhir"]),
    ("profile", &["fhir", "issue"]),
    ("storage", &["audit", "background", "clock", "deadline", "error", "fhir"]),
    ("annuaire", &["clock", "deadline", "error", "fhir", "issue", "storage"]),
    ("sas", &["audit", "error", "fhir", "issue", "profile", "storage"]),
    ("feed", &["deadline", "fhir", "storage"]),
    ("webhook", &["clock", "deadline", "error", "feed", "fhir", "storage"]),
    ("journal", &["audit", "characters", "clock", "deadline", "error", "fhir", "storage"]),
    ("decision", &["clock", "deadline", "error", "fhir", "issue", "webhook"]),
    (
        "interaction",
        &[
            "annuaire", "audit", "clock", "deadline", "decision", "error", "feed", "fhir", "issue", "profile", "sas",
            "storage",
        ],
    ),
    ("fault", &["access", "annuaire", "clock", "fhir", "interaction"]),
    ("telemetry", &[]),
    ("tls", &["clock"]),
    ("access", &["tls"]),
    (
        "http",
        &[
            "access",
            "annuaire",
            "audit",
            "clock",
            "deadline",
            "error",
            "fault",
            "feed",
            "fhir",
            "interaction",
            "issue",
            "journal",
            "sas",
            "storage",
            "telemetry",
            "tls",
            "webhook",
        ],
    ),
    (
        "config",
        &[
            "access", "annuaire", "audit", "clock", "decision", "fault", "feed", "fhir", "http", "journal", "sas",
            "tls", "webhook",
        ],
    ),
    (
        "console",
        &[
            "access",
            "annuaire",
            "audit",
            "background",
            "characters",
            "clock",
            "config",
            "deadline",
            "error",
            "fault",
            "feed",
            "fhir",
            "http",
            "interaction",
            "issue",
            "journal",
            "profile",
            "sas",
            "storage",
            "webhook",
        ],
    ),
    (
        "command",
        &[
            "access",
            "annuaire",
            "audit",
            "characters",
            "clock",
            "config",
            "console",
            "decision",
            "error",
            "fault",
            "feed",
            "fhir",
            "http",
            "interaction",
            "issue",
            "journal",
            "sas",
            "storage",
            "telemetry",
            "tls",
            "webhook",
        ],
    ),
];

/// A file of this crate, or all files below a folder, with their text.
fn source_files(path: PathBuf) -> Vec<(PathBuf, String)> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a folder");
        return entries.flat_map(|entry| source_files(entry.expect("an entry").path())).collect();
    }
    std::fs::read_to_string(&path).map(|text| (path, text)).into_iter().collect()
}

/// The code of a file, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The same within `annuaire`.
const DIRECTION_IN_ANNUAIRE: [(&str, &[&str]); 7] = [
    ("store", &[]),
    ("search", &["store"]),
    ("ingest", &["store"]),
    ("load", &["ingest", "store"]),
    ("sync", &["ingest", "store"]),
    ("api", &["search", "store"]),
    ("invented", &[]),
];

#[test]
fn imports_go_one_way() {
    check_imports("crate::", &DIRECTION);
    check_imports("crate::annuaire::", &DIRECTION_IN_ANNUAIRE);
}

/// Fails where a room below `parent` uses another than it may.
fn check_imports(parent: &str, direction: &[(&str, &[&str])]) {
    let folder = parent.replacen("crate::", "src/", 1).replace("::", "/");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for (room, allowed) in direction {
        let files = [folder.join(format!("{room}.rs")), folder.join(room)].into_iter().flat_map(source_files);
        for (file, text) in files.filter(|(file, _)| file.file_name().is_some_and(|name| name != "tests.rs")) {
            let code: String = code(&text).collect();
            let uses = code.split(parent).skip(1);
            for used in uses.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()) {
                assert!(used == *room || allowed.contains(&used), "{} uses {used}", file.display());
            }
        }
    }
}

#[test]
fn sqlx_is_named_in_storage_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = |text: &str| code(text).any(|line| line.contains("sqlx::") || line.contains("use sqlx"));
    let is_in_storage = |file: &Path| file.starts_with("storage") || file == Path::new("storage.rs");
    for (file, text) in source_files(source.clone()) {
        let file = file.strip_prefix(&source).expect("below src");
        if file != Path::new("house_tests.rs") && !is_in_storage(file) {
            assert!(!names(&text), "{} names sqlx", file.display());
        }
    }
}

/// The files that name `clap`: its derives are where settings and arguments are declared.
const CLAP: [&str; 12] = [
    "access.rs",
    "audit/settings.rs",
    "journal/settings.rs",
    "command",
    "config",
    "config.rs",
    "http/bounds.rs",
    "http/origin/proxy.rs",
    "sas/deviation.rs",
    "sas/directory.rs",
    "tls/settings.rs",
    "tls/trust.rs",
];

#[test]
fn clap_is_named_with_settings_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (file, text) in source_files(source.clone()) {
        let file = file.strip_prefix(&source).expect("below src");
        if !is_test(file) && !CLAP.iter().any(|known| file.starts_with(known)) {
            assert!(!code(&text).any(|line| line.contains("clap::")), "{} names clap", file.display());
        }
    }
}

#[test]
fn super_super_is_named_in_tests_only() {
    for (file, text) in source_files(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let is_named = code(without_tests(&text)).any(|line| line.contains("super::super"));
        assert!(is_test(&file) || !is_named, "{} names super::super: write the path from crate", file.display());
    }
}

/// The text before the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

fn is_test(file: &Path) -> bool {
    file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with("tests.rs"))
}

/// A file that imports one that imports it, over however many others, is read and changed with all of them at once.
#[test]
fn files_import_each_other_in_no_circle() {
    let mut imports = imports();
    // What imports no file that is left is in no circle.
    while let Some(file) = imports.iter().find(|(_, imports)| imports.is_empty()).map(|(file, _)| file.clone()) {
        imports.remove(&file);
        for imports in imports.values_mut() {
            imports.remove(&file);
        }
    }
    // Each file that is left leads to a circle: what is followed comes back.
    let Some(start) = imports.keys().next() else { return };
    let mut path = vec![start];
    let circle = loop {
        let next = imports[path[path.len() - 1]].first().expect("an import");
        match path.iter().position(|file| *file == next) {
            Some(at) => break &path[at..],
            None => path.push(next),
        }
    };
    panic!("these files import each other: {circle:?}; move what they share to a file of its own");
}

/// Each file, as the path of its module, with the files that it imports. A file that declares or re-exports another
/// does not import it.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = source_files(source.clone()).into_iter().filter(|(file, _)| !is_test(file));
    let files: BTreeMap<String, String> = files
        .map(|(file, text)| {
            let file = file.strip_prefix(&source).expect("below src").with_extension("");
            let module =
                file.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("::");
            (module, code(without_tests(&text)).collect::<Vec<_>>().join("\n"))
        })
        .filter(|(module, _)| !matches!(module.as_str(), "lib" | "main"))
        .collect();
    let import = |module: &str, path: Vec<&str>| {
        let path = absolute(module, &path, |name| files.contains_key(&format!("{module}::{name}")))?;
        let file =
            (1..=path.len()).rev().map(|length| path[..length].join("::")).find(|file| files.contains_key(file))?;
        (file != module).then_some(file)
    };
    let imports = files.iter().map(|(module, code)| {
        let code = without_re_exports(code);
        (module.clone(), paths(&code).into_iter().filter_map(|path| import(module, path)).collect())
    });
    imports.collect()
}

/// The code without `pub use …;` and `pub(in …)`.
fn without_re_exports(code: &str) -> String {
    let mut kept = String::new();
    for statement in code.split_inclusive(';') {
        let re_export = statement.rfind("use ").filter(|at| {
            let before = statement[..*at].rsplit('\n').next().unwrap_or_default().trim();
            before == "pub" || before.starts_with("pub(") && before.ends_with(')')
        });
        kept += re_export.map_or(statement, |at| &statement[..at]);
    }
    kept.replace("pub(in crate", "pub(in")
}

/// The path of a module's item from the root of the crate; `None` if it is of another crate.
fn absolute<'a>(module: &'a str, path: &[&'a str], is_child: impl Fn(&str) -> bool) -> Option<Vec<&'a str>> {
    let mut module: Vec<_> = module.split("::").collect();
    let (first, rest) = path.split_first()?;
    match *first {
        "crate" => module.clear(),
        "super" => {
            module.pop();
        }
        "self" => {}
        child if is_child(child) => module.push(child),
        _ => return None,
    }
    module.extend(rest);
    Some(module)
}

/// All paths of the code, `a::{b, c::d}` as two.
fn paths(code: &str) -> Vec<Vec<&str>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut paths, mut prefixes, mut path) = (vec![], vec![], vec![]);
    let mut rest = code;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        if !word.is_empty() {
            path.push(word);
        }
        if let Some(after) = after.strip_prefix("::{") {
            prefixes.push(path.clone());
            rest = after;
            continue;
        }
        if let Some(after) = after.strip_prefix("::") {
            rest = after;
            continue;
        }
        if path.len() > prefixes.last().map_or(1, Vec::len) {
            paths.push(path);
        }
        let mut end = after.chars();
        if end.next() == Some('}') {
            prefixes.pop();
        }
        path = prefixes.last().cloned().unwrap_or_default();
        rest = end.as_str();
    }
    paths
}

#[test]
fn paths_of_a_use_tree_are_all_found() {
    let code = "use crate::a::{self, b::{C, D}};\nfn f() -> super::E { x::y::<crate::Z>() }";
    let found: Vec<_> = paths(code).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::a::self", "crate::a::b::C", "crate::a::b::D", "super::E", "x::y", "crate::Z"]);
}
