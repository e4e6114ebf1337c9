//! A podman for the tests, which shares nothing but the programs with that of the machine.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;

use rlimit::Resource;

use crate::images;
use crate::support::polling::poll_until_blocking;

/// Where podman notes what runs: not kept over a restart of the machine, which ends every container.
const RUN_FOLDER: &str = "/run/sas-endpoint-test";

/// Each with Debian's package.
const PROGRAMS: [(&str, &str); 6] = [
    ("/usr/bin/podman", "podman"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/podman/netavark", "netavark"),
    ("/usr/lib/podman/aardvark-dns", "aardvark-dns"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/sbin/debootstrap", "debootstrap"),
];

/// The engine, for one test at a time: the compositions name their networks' addresses. What a test made is removed
/// when it is dropped, or when the next one starts where the process was killed.
pub struct Engine {
    pub cache: PathBuf,
    _turn: File,
}

impl Engine {
    /// With the stand-ins of images made; `None`, which is said once, where no container can run.
    pub fn start() -> Option<Self> {
        let wanted = std::env::var("SAS_TEST_CONTAINERS").unwrap_or_default();
        if let Some(reason) = missing_requirement(&wanted) {
            assert_ne!(wanted, "required", "no container can run: {reason}");
            static SAID: Once = Once::new();
            // Past the harness's capture: it is to be seen even where every test passes.
            SAID.call_once(|| {
                let _ = writeln!(std::io::stderr(), "The tests of containers are skipped: {reason}.");
            });
            return None;
        }
        let cache = cache_folder();
        std::fs::create_dir_all(cache.join("networks")).expect("a cache folder");
        let turn = lock_file();
        turn.lock().expect("a turn");
        let engine = Self { cache, _turn: turn };
        engine.configure();
        engine.remove_everything();
        images::make_debian(&engine);
        Some(engine)
    }

    /// Without systemd, cgroups are made directly, and events are kept in a file. podman's own limits are above what
    /// this machine may grant.
    fn configure(&self) {
        let limit = |resource: Resource, wanted: u64| wanted.min(resource.get_hard().expect("a limit") / 2);
        let (files, processes) = (limit(Resource::NOFILE, 65_536), limit(Resource::NPROC, 32_768));
        let text = format!(
            "[containers]\ndefault_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]\n\
             [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n"
        );
        std::fs::write(self.cache.join("containers.conf"), text).expect("written");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", self.cache.join("containers.conf"));
        // No timer of systemd: the tests run health checks themselves.
        command.env("DISABLE_HC_SYSTEMD", "true");
        command.arg("--root").arg(self.cache.join("root")).args(["--storage-driver", "overlay"]);
        command.args(["--runroot", &format!("{RUN_FOLDER}/run"), "--tmpdir", &format!("{RUN_FOLDER}/tmp")]);
        command.arg("--network-config-dir").arg(self.cache.join("networks"));
        command.args(arguments);
        command
    }

    pub fn try_run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("podman starts")
    }

    /// Standard output of a command that must succeed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        assert!(output.status.success(), "podman {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a container wrote to standard output and standard error.
    pub fn logs(&self, container: &str) -> String {
        let output = self.try_run(&["logs", container]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// A member of what podman knows of a container: `.State.ExitCode`.
    pub fn inspect(&self, container: &str, member: &str) -> String {
        self.run(&["inspect", "--format", &format!("{{{{{member}}}}}"), container])
    }

    /// Waits until the container's own health check succeeds, as `depends_on` asks for.
    pub fn wait_until_healthy(&self, container: &str) {
        poll_until_blocking("a health check succeeds", || {
            let state = self.inspect(container, ".State.Status");
            assert!(state != "exited", "the container ended: {}", self.logs(container));
            self.try_run(&["healthcheck", "run", container]).status.success()
        });
    }

    /// What runs and what it left, by id. Images stay: they are the cache.
    fn remove_everything(&self) {
        let kinds: [(&[&str], &[&str]); 3] = [
            (&["ps", "--all", "--quiet", "--no-trunc"], &["rm", "--force", "--volumes", "--time", "0"]),
            (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
            (
                &["network", "ls", "--quiet", "--no-trunc", "--filter", "name=sas-endpoint"],
                &["network", "rm", "--force"],
            ),
        ];
        for (list, remove) in kinds {
            let found = self.try_run(list);
            let found = String::from_utf8_lossy(&found.stdout);
            let ids: Vec<_> = found.split_whitespace().collect();
            if !ids.is_empty() {
                let removed = self.try_run(&[remove, &ids].concat());
                if !removed.status.success() {
                    eprintln!("{remove:?}: {}", String::from_utf8_lossy(&removed.stderr));
                }
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.remove_everything();
    }
}

fn missing_requirement(wanted: &str) -> Option<String> {
    if wanted == "skip" {
        return Some("SAS_TEST_CONTAINERS=skip".to_owned());
    }
    let missing = PROGRAMS.iter().filter(|(program, _)| !Path::new(program).exists());
    let missing: Vec<_> = missing.map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        return Some(format!("not installed (Debian: apt-get install {})", missing.join(" ")));
    }
    // As podman sees the user: the owner of what this process makes.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    (!is_root).then(|| "they need root".to_owned())
}

/// One for the machine: networks and names of the compositions are, wherever the cache is.
fn lock_file() -> File {
    std::fs::create_dir_all(RUN_FOLDER).expect("a folder");
    File::create(Path::new(RUN_FOLDER).join("lock")).expect("a lock file")
}

fn cache_folder() -> PathBuf {
    let of_home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(of_home, PathBuf::from).join("sas-endpoint-test")
}

#[test]
fn engine_removes_everything_after_a_panic() {
    let Some(engine) = Engine::start() else { return };
    crate::images::make_stand_in(&engine, "nginx:test");
    let ended = std::thread::spawn(move || {
        engine.run(&["network", "create", "--internal", "sas-endpoint_panic"]);
        engine.run(&["volume", "create", "sas-endpoint_panic"]);
        let options = ["--network=sas-endpoint_panic", "--volume=sas-endpoint_panic:/data", "--pull=never"];
        engine.run(&[&["run", "--detach"], &options[..], &["nginx:test", "sleep", "infinity"]].concat());
        panic!("as a test that fails");
    });
    assert!(ended.join().is_err());
    let cache = cache_folder();
    let turn = lock_file();
    turn.lock().expect("a turn");
    // Not by `start`, which would remove what was left.
    let engine = Engine { cache, _turn: turn };
    for list in [&["ps", "--all", "--quiet"][..], &["volume", "ls", "--quiet"]] {
        assert_eq!(engine.run(list), "", "{list:?}");
    }
    assert_eq!(engine.run(&["network", "ls", "--quiet", "--filter", "name=sas-endpoint"]), "");
}
