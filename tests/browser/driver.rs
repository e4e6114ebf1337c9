//! chromedriver, one for the process. It and its browsers end with the process, however that ends: a shell waits at the
//! other end of a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::support::folder;

const PROGRAMS: [(&str, &str); 3] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/chromedriver", "chromium-driver"),
    // The fonts that the pages name: without any, a screenshot shows boxes.
    ("/usr/share/fonts/truetype/dejavu", "fonts-dejavu-core"),
];

pub struct Driver {
    pub url: String,
    _leash: Child,
}

/// The driver of this process; `None`, which is said once, where there is no browser.
pub fn driver() -> Option<&'static Driver> {
    static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
    DRIVER.get_or_init(start).as_ref()
}

fn start() -> Option<Driver> {
    let wanted = std::env::var("SAS_TEST_BROWSER").unwrap_or_default();
    if let Some(reason) = missing_requirement(&wanted) {
        assert_ne!(wanted, "required", "no browser can run: {reason}");
        // Past the harness's capture: it is to be seen even where every test passes.
        let _ = writeln!(std::io::stderr(), "The tests in a browser are skipped: {reason}.");
        return None;
    }
    // The shell removes it. Profiles, settings and caches of the browsers are in it.
    let folder = folder("browser").keep();
    let script = format!(
        "cd {folder} || exit 1; export HOME={folder} TMPDIR={folder} XDG_CONFIG_HOME={folder} XDG_CACHE_HOME={folder}; \
         : >log; chromedriver --port=0 >log 2>&1 & driver=$!; \
         until grep -q 'successfully on port' log || ! kill -0 $driver; do sleep 0.05; done; \
         sed -n 's/.*successfully on port \\([0-9]*\\).*/\\1/p' log; exec >/dev/null 2>&1; \
         read _; kill $(cat /proc/$driver/task/*/children) $driver; wait; cd /; \
         for try in 1 2 3 4 5 6 7 8; do rm -rf {folder}; sleep 0.25; test -e {folder} || break; done",
        folder = folder.display(),
    );
    let shell = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut leash = shell.expect("a shell");
    let mut port = String::new();
    BufReader::new(leash.stdout.take().expect("its output")).read_line(&mut port).expect("a line");
    let port: u16 = port.trim().parse().unwrap_or_else(|_| panic!("chromedriver does not start"));
    Some(Driver { url: format!("http://127.0.0.1:{port}"), _leash: leash })
}

fn missing_requirement(wanted: &str) -> Option<String> {
    if wanted == "skip" {
        return Some("SAS_TEST_BROWSER=skip".to_owned());
    }
    let missing: Vec<_> =
        PROGRAMS.iter().filter(|(file, _)| !Path::new(file).exists()).map(|(_, package)| *package).collect();
    (!missing.is_empty()).then(|| format!("not installed (Debian: apt-get install {})", missing.join(" ")))
}
