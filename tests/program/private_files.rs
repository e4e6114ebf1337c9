//! SQLite files contain accounts unencrypted: only their owner may read them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::process::{Serving, bearing_full_files, databases, on_free_ports, program};
use crate::support::folder;

const REGULATOR: &str = include_str!("../fixtures/regulator.json");
/// Names the account of [`REGULATOR`].
const CRITERION: &str = "/Practitioner?identifier=urn:oid:1.2.250.1.213.3.6%7C0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11";

/// The files of a folder with their modes.
fn modes(folder: &Path) -> BTreeMap<String, u32> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
    let mode = |file: &std::fs::DirEntry| file.metadata().expect("a file").permissions().mode() & 0o777;
    files.map(|file| (file.file_name().into_string().expect("UTF-8"), mode(&file))).collect()
}

#[test]
fn sqlite_files_are_private_whatever_the_umask() {
    for umask in ["umask 022;", "umask 0;"] {
        let folder = folder("umask");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let under_umask = |plain: &std::process::Command| bearing_full_files(plain, umask);
        let run = |arguments: &[&str]| {
            let mut command = under_umask(&program(arguments));
            let ended = command.args(databases(&url)).output().expect("it runs");
            assert!(ended.status.success(), "{arguments:?}: {ended:?}");
        };
        let serving = Serving::spawn(under_umask(&on_free_ports(&["--log", "error"])).args(databases(&url)));
        let (status, answer) = serving.put(CRITERION, REGULATOR).expect("an answer");
        assert_eq!(status, 201, "{answer}");
        // It writes to the copy as well.
        run(&["purge"]);
        let copy = folder.path().join("backup.db");
        run(&["backup", copy.to_str().expect("a path")]);
        let found = modes(folder.path());
        for name in ["test.db", "test.db-wal", "test.db-shm", "test.db-serving", "test.db.annuaire", "backup.db"] {
            assert!(found.contains_key(name), "{name} is not there: {found:?}");
        }
        assert!(found.contains_key("test.db.annuaire-writer"), "{found:?}");
        assert!(found.values().all(|mode| *mode == 0o600), "{umask} {found:?}");
        assert_eq!(serving.stop().0, Some(0));
        assert!(modes(folder.path()).values().all(|mode| *mode == 0o600), "{umask}");
    }
}

#[test]
fn sqlite_files_readable_by_others_are_logged_as_warnings() {
    let folder = folder("wide");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let log = || {
        let mut command = on_free_ports(&[]);
        let serving = Serving::spawn(command.args(databases(&url)).stderr(Stdio::piped()));
        serving.stop().1
    };
    assert!(!log().contains("chmod"));
    for name in ["test.db", "test.db.annuaire", "test.db-serving"] {
        let path = folder.path().join(name);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
        let reported = log();
        assert!(reported.contains("WARN") && reported.contains(&format!("chmod 600 {}", path.display())), "{reported}");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
    }
    assert!(!log().contains("chmod"));
}
