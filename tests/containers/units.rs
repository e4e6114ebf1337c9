//! The units of deploy/systemd, installed as deploy/README.md has them pasted, under a systemd that is the first process
//! of a container.

use std::io::Write;
use std::process::Stdio;

use crate::certificates::Kind;
use crate::deployment::{account, fhir};
use crate::engine::Engine;
use crate::images::make_stand_in;
use crate::installation::{Installation, SUDO, assert_no_person, files, identifier_of, pasted, quoted, statuses};
use crate::support::polling::{poll_until, poll_until_blocking};

const IMAGE: &str = "systemd:test";

/// The container; it goes with its engine.
struct Machine {
    engine: Engine,
    container: String,
}

impl Machine {
    /// Starts it with the installation's checkout, and the program that `make release` would make.
    fn start(engine: Engine, installation: &Installation) -> Self {
        make_stand_in(&engine, IMAGE);
        let program = format!("--volume={}:/program:ro", env!("CARGO_BIN_EXE_sas-endpoint"));
        let checkout = format!("--volume={}:/checkout:ro", installation.project().display());
        let port = format!("--publish={}:443", installation.address());
        // systemd makes the sandboxes of its units itself: it mounts, and sees all of /proc.
        let rights = ["--systemd=always", "--cap-add=SYS_ADMIN", "--security-opt=unmask=ALL"];
        let arguments =
            [&["run", "--detach", "--pull=never"], &rights[..], &[&program, &checkout, &port, IMAGE]].concat();
        let container = engine.run(&arguments);
        let machine = Self { engine, container };
        poll_until_blocking("systemd has started", || machine.try_run("systemctl is-system-running").0);
        machine
    }

    /// Whether these commands succeed, and what they print.
    fn try_run(&self, commands: &str) -> (bool, String) {
        let mut exec =
            self.engine.command(&["exec", "--interactive", "--workdir", "/checkout", &self.container, "bash", "-e"]);
        let mut exec =
            exec.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("podman");
        exec.stdin.take().expect("its input").write_all(commands.as_bytes()).expect("it reads");
        let output = exec.wait_with_output().expect("it ends");
        let reported = if output.status.success() { output.stdout } else { [output.stdout, output.stderr].concat() };
        (output.status.success(), String::from_utf8_lossy(&reported).trim_end().to_owned())
    }

    fn run(&self, commands: &str) -> String {
        let (succeeded, reported) = self.try_run(commands);
        assert!(succeeded, "{commands}: {reported}\n{}", self.try_run("journalctl --no-pager --lines 50").1);
        reported
    }

    /// Lets a timer elapse now, and returns once its service ran and succeeded.
    fn elapse(&self, name: &str) {
        let started = format!("systemctl show --property ExecMainStartTimestampMonotonic --value {name}.service");
        let before = self.run(&started);
        self.run(&format!(
            "mkdir -p /etc/systemd/system/{name}.timer.d
             printf '[Timer]\\nOnActiveSec=0\\nRandomizedDelaySec=0\\n' > /etc/systemd/system/{name}.timer.d/now.conf
             systemctl daemon-reload && systemctl restart {name}.timer"
        ));
        poll_until_blocking("the timer starts its service", || {
            let state = self.run(&format!("systemctl show --property ActiveState --value {name}.service"));
            assert_ne!(state, "failed", "{}", self.run(&format!("journalctl --no-pager -u {name}")));
            self.run(&started) != before && state == "inactive"
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_installed_as_documented_serve_back_up_and_fetch_lists() {
    let Some(engine) = Engine::start() else { return };
    let installation = Installation::new();
    let machine = Machine::start(engine, &installation);
    let user = quoted("deploy/README.md", "sudo useradd").replace('\n', " ");
    let units = pasted("deploy/README.md", "make release &&");
    let units = units.replace("make release && ", "").replace("target/dist/sas-endpoint", "/program");
    machine.run(&format!("{SUDO}{user}\n{}{units}", files("sas-endpoint")));
    // What addresses in answers begin with; the port of this test is not 443.
    let settings = format!(
        "sed -i 's|^SAS_BASE_URL=.*|SAS_BASE_URL={}|' /etc/sas-endpoint/environment",
        installation.url("/fhir")
    );
    machine.run(&format!("{settings} && systemctl restart sas-endpoint"));
    let client = installation.client(Some(Kind::Good));
    let metadata = installation.url("/fhir/metadata");
    let is_served = async || client.get(&metadata).send().await.is_ok_and(|answer| answer.status() == 200);
    poll_until("the unit serves", is_served).await;

    let checks = pasted("deploy/README.md", "try $(as good)");
    assert_eq!(
        statuses(&machine.try_run(&format!("set +e\n{checks}\ntrue")).1),
        ["200", "000", "403", "403", "000", "000"]
    );
    is_confined(&machine);

    let put = async |(text, criterion): &(String, String)| {
        let request = client.put(installation.url(criterion)).header("content-type", "application/json");
        fhir(request.body(text.clone())).await
    };
    let account = account();
    assert_eq!(put(&account).await.status, 201);
    // Killed, it is started again; stopped, it ends by itself.
    let process = || machine.run("systemctl show --property MainPID --value sas-endpoint");
    let killed = process();
    machine.run("systemctl kill --signal KILL sas-endpoint");
    let is_another = async || ![killed.as_str(), "0"].contains(&process().as_str()) && is_served().await;
    poll_until("the unit is started again", is_another).await;
    assert_eq!(put(&account).await.status, 200, "what was acknowledged is there");
    machine.run("systemctl stop sas-endpoint");
    assert_eq!(machine.run("systemctl show --property Result --value sas-endpoint"), "success");
    machine.run("systemctl start sas-endpoint");
    poll_until("the unit serves", is_served).await;

    machine.elapse("sas-endpoint-backup");
    let copies = machine.run("ls -l /var/lib/sas-endpoint/backup");
    assert!(copies.contains("-rw------- 1 sas-endpoint sas-endpoint") && copies.contains(".db"), "{copies}");
    let commands = pasted("deploy/README.md", "$sas exchanges --since 1h");
    let records =
        machine.run(&format!("{SUDO}{commands}$sas purge >&2\n$sas backup /var/lib/sas-endpoint/copy.db >&2"));
    assert!(records.contains("conditional-update"), "{records}");
    fetch_lists(&machine, &installation);

    put_behind_nginx(&machine);
    let through_nginx = put(&account).await;
    assert_eq!(through_nginx.status, 200);
    // Its name is nginx's, since no base URL is set any more.
    let created = put(&crate::deployment::account()).await;
    assert!(created.location.starts_with("https://localhost/fhir/Practitioner/"), "{}", created.location);
    let (is_default_site_served, _) = machine.try_run("curl --silent http://127.0.0.1/");
    assert!(!is_default_site_served, "its log has query strings");
    let accesses = machine.run("cat /var/log/nginx/*.log");
    assert!(accesses.contains("PUT /fhir/Practitioner 200"), "{accesses}");
    assert_no_person(&accesses);
    assert!(!accesses.contains(identifier_of(&account)));

    let journal = machine.run("journalctl --no-pager");
    assert_no_person(&journal);
    assert_no_person(&records);
    assert!(!journal.contains(identifier_of(&account)));
}

/// Asks the kernel what the process may do, and systemd what it thinks of the units.
fn is_confined(machine: &Machine) {
    let status = machine.run("cat /proc/$(systemctl show --property MainPID --value sas-endpoint)/status");
    // The only capability is to bind port 443.
    for line in ["CapEff:\t0000000000000400", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.lines().any(|found| found == line), "{line}: {status}");
    }
    // As deploy/README.md quotes them, times ten.
    for (unit, exposure) in [("sas-endpoint", 14), ("sas-endpoint-backup", 18), ("sas-endpoint-crl", 28)] {
        machine.run(&format!("systemd-analyze security --no-pager --threshold={exposure} {unit}.service"));
    }
}

/// Debian's nginx before the unit, by the commands of deploy/README.md; the package is there, and has not been started.
fn put_behind_nginx(machine: &Machine) {
    let commands = pasted("deploy/README.md", "apt-get install nginx-light");
    let commands = commands.replace("sudo apt-get install nginx-light", "systemctl unmask --quiet nginx");
    machine.run(&format!("{SUDO}{commands}"));
    let checks = pasted("deploy/README.md", "try $(as good)");
    poll_until_blocking("nginx passes on what the table says", || {
        let reported = statuses(&machine.try_run(&format!("set +e\n{checks}\ntrue")).1);
        reported == ["200", "401", "403", "403", "403", "403"]
    });
}

/// The commands of deploy/README.md, with files in the place of IGC-Santé's addresses.
fn fetch_lists(machine: &Machine, installation: &Installation) {
    let lists = [
        ("ACI-EL-ORG", installation.authority.revocation_list(-1, 7)),
        ("ACR-EL", installation.authority.revocation_list_of_root(false)),
    ];
    let mut commands = pasted("deploy/README.md", "sas-endpoint-crl.timer && sudo systemctl start sas-endpoint-crl");
    for (name, list) in lists {
        std::fs::write(installation.project().join(format!("{name}.crl")), list.der()).expect("written");
        let published = format!("http://igc-sante.esante.gouv.fr/CRL/{name}.crl");
        assert!(commands.contains(&published), "{commands}");
        commands = commands.replace(&published, &format!("file:///checkout/{name}.crl"));
    }
    machine.run(&format!("{SUDO}{commands}"));
    let folder = "ls /etc/sas-endpoint/trust/crl";
    assert_eq!(machine.run(folder), "ACI-EL-ORG.crl.pem\nACR-EL.crl.pem");
    machine.run("rm /etc/sas-endpoint/trust/crl/*");
    machine.elapse("sas-endpoint-crl");
    assert_eq!(machine.run(folder), "ACI-EL-ORG.crl.pem\nACR-EL.crl.pem");
}
