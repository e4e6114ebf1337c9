//! The deployment files agree with each other and with the program. They are parsed, not run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory;
use sas_endpoint::config::Cli;
use serde_json::Value;

use crate::certificates::Authority;
use crate::process::write_script;
use crate::support::folder;

const COMPOSITIONS: [&str; 2] = ["docker-compose.yml", "deploy/docker-compose.sqlite.yml"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A composition, with the anchors put in.
fn composition(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn services(file: &str) -> Vec<(String, Value)> {
    let services = composition(file)["services"].as_object().expect("services").clone();
    services.into_iter().collect()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.map(|value| value.as_str().expect("a string").to_owned()).collect()
}

/// The settings that the program has.
fn settings() -> BTreeSet<String> {
    let command = Cli::command();
    command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)).collect()
}

/// Everything in a text that looks like a setting.
fn named_settings(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    words.filter(|word| word.starts_with("SAS_") && !word.ends_with('_')).map(str::to_owned).collect()
}

#[test]
fn image_contains_the_release_build() {
    let line = |file: &str| {
        let text = read(file);
        let line = text.lines().map(str::trim).find(|line| line.starts_with("cargo build ")).expect(file);
        line.trim_end_matches(" \\").to_owned()
    };
    assert_eq!(line("Dockerfile"), line("Makefile"));
    assert!(line("Makefile").contains("--locked --profile dist"), "{}", line("Makefile"));
    let copied = "target/dist/sas-endpoint";
    assert!(read("Dockerfile").contains(copied) && read("Makefile").contains(copied));
}

#[test]
fn image_build_context_is_minimal() {
    let ignored = read(".dockerignore");
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "everything is left out but what is named");
    let named: Vec<_> = lines.map(|line| line.strip_prefix('!').expect("a name")).collect();
    for needed in ["Cargo.toml", "Cargo.lock", "src", "migrations", "profiles"] {
        assert!(named.contains(&needed), "{needed}");
    }
    // Cargo asks for every target that Cargo.toml names, built or not.
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    for kind in ["bench", "example", "test"] {
        for target in manifest.get(kind).and_then(toml::Value::as_array).into_iter().flatten() {
            let folder = if kind == "bench" { "benches/" } else { "" };
            let path = target.get("path").and_then(toml::Value::as_str).unwrap_or(folder);
            let covered = |name: &&str| path.starts_with(name.trim_end_matches("*.rs"));
            assert!(named.iter().any(covered), "{kind} {target:?}: {path} is left out of the image's build");
        }
    }
}

#[test]
fn containers_have_minimal_privileges() {
    for file in COMPOSITIONS {
        for (name, service) in services(file) {
            let who = format!("{file}: {name}");
            assert_eq!(service["read_only"], true, "{who}");
            assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{who}");
            assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{who}");
            assert!(service["cap_add"].is_null() && service["privileged"].is_null(), "{who}");
            let image = service["image"].as_str().expect("an image");
            // `make pin` adds a digest.
            let tagged = image.split('@').next().expect("a name");
            let (_, tag) = tagged.rsplit_once(':').unwrap_or_else(|| panic!("{who}: {image} is not pinned"));
            assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{who}: {image}");
            let own = image.starts_with("sas-endpoint:");
            assert_eq!(own, service["build"] == ".", "{who} is built here");
            assert_eq!(own, image == format!("sas-endpoint:{}", env!("CARGO_PKG_VERSION")), "{who}: {image}");
            // The image of the endpoint has its own user; the others have one in the composition.
            assert!(own || service["user"].as_str().is_some_and(|user| !user.starts_with('0')), "{who}");
        }
    }
}

#[test]
fn composition_publishes_one_port() {
    for (file, who) in COMPOSITIONS.into_iter().zip(["nginx", "endpoint"]) {
        for (name, service) in services(file) {
            let ports = strings(&service["ports"]);
            assert_eq!(ports.len(), usize::from(name == who), "{file}: {name} {ports:?}");
            assert!(!ports.iter().any(|port| port.contains("8081")), "the operator's listener");
        }
    }
}

#[test]
fn kubernetes_manifest_has_the_limits_of_the_compositions() {
    let manifest = read("deploy/kubernetes/sas-endpoint.yaml");
    let documents: Vec<Value> =
        manifest.split("\n---\n").map(|text| serde_saphyr::from_str(text).expect("YAML")).collect();
    let kinds: Vec<_> = documents.iter().map(|document| document["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]);
    let pod = &documents[0]["spec"]["template"]["spec"];
    assert_eq!((&documents[0]["spec"]["replicas"], &pod["automountServiceAccountToken"]), (&2.into(), &false.into()));
    let security = &pod["securityContext"];
    assert_eq!((&security["runAsUser"], &security["runAsNonRoot"]), (&65532.into(), &true.into()));
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    assert_eq!(container["image"], format!("sas-endpoint:{}", env!("CARGO_PKG_VERSION")));
    let own = &container["securityContext"];
    assert_eq!((&own["readOnlyRootFilesystem"], &own["allowPrivilegeEscalation"]), (&true.into(), &false.into()));
    assert_eq!(strings(&own["capabilities"]["drop"]), ["ALL"]);
    let settings = settings();
    let variables: Vec<_> = container["env"].as_array().expect("variables").iter().collect();
    assert!(variables.iter().any(|variable| variable["name"] == "SAS_BASE_URL"));
    for variable in variables {
        let name = variable["name"].as_str().expect("a name");
        assert!(settings.contains(name), "{name} is no setting");
        let is_secret = name.ends_with("DATABASE_URL") || name.ends_with("EXCHANGES_KEY");
        assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"].is_string(), is_secret, "{name}");
    }
    // What the pods refer to is made by the commands at the head of the manifest.
    let secrets = ["database-url", "exchanges-key"].map(|key| format!("--from-literal={key}="));
    let sources =
        ["generic sas-endpoint ", "tls sas-endpoint-tls ", "configmap sas-endpoint-trust ", "configmap sas-endpoint "];
    for made in sources.map(str::to_owned).iter().chain(&secrets) {
        assert!(manifest.lines().any(|line| line.starts_with('#') && line.contains(made.as_str())), "{made}");
    }
    let labels = &documents[0]["spec"]["template"]["metadata"]["labels"];
    assert!(labels.as_object().is_some_and(|labels| !labels.is_empty()));
    for selector in [
        &documents[0]["spec"]["selector"]["matchLabels"],
        &documents[1]["spec"]["selector"],
        &documents[2]["spec"]["selector"]["matchLabels"],
        &documents[3]["spec"]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    let port = &container["ports"][0];
    assert_eq!(
        (&documents[1]["spec"]["ports"][0]["targetPort"], &port["containerPort"]),
        (&port["name"], &8443.into())
    );
    assert_eq!(documents[3]["spec"]["ingress"][0]["ports"][0]["port"], 8443);
    // The program has ten seconds to stop, once no new connection is sent here.
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("seconds");
    assert!(pod["terminationGracePeriodSeconds"].as_u64().is_some_and(|grace| grace >= pause + 15));
    for (probe, arguments) in [
        ("startupProbe", &["healthcheck"][..]),
        ("readinessProbe", &["healthcheck"]),
        ("livenessProbe", &["healthcheck", "--live"]),
    ] {
        let command = strings(&container[probe]["exec"]["command"]);
        assert_eq!(
            (command[0].as_str(), &command[1..]),
            (
                "/usr/local/bin/sas-endpoint",
                &arguments[..].iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>()[..]
            )
        );
        assert!(Cli::command().try_get_matches_from(&command).is_ok(), "{command:?}");
    }
}

/// The images of these files that are not built here.
fn foreign_images(files: &[PathBuf]) -> Vec<String> {
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("a file"));
    let images = |text: String| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        let named = lines.filter_map(|line| line.strip_prefix("image: ").or(line.strip_prefix("FROM ")));
        named.map(|image| image.split(' ').next().expect("a name").to_owned()).collect()
    };
    texts.flat_map(images).filter(|image| !image.starts_with("sas-endpoint:")).collect()
}

#[test]
fn images_are_pinned_by_the_digest_of_their_registry() {
    // What asks the registry, and which of its arguments is the image.
    for (program, argument) in [("skopeo", "${4#docker://}"), ("docker", "$6")] {
        let folder = folder("pin");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("bin")).expect("a folder");
        for tool in ["sed", "sort", "grep", "sha256sum", "cut", "sh"] {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
            let found = found.iter().find(|tool| tool.exists()).unwrap_or_else(|| panic!("{tool} is missing"));
            std::os::unix::fs::symlink(found, path("bin").join(tool)).expect("a link");
        }
        let files = ["Dockerfile", "docker-compose.yml", "deploy/docker-compose.sqlite.yml"];
        let copies = files.map(|file| path(&file.replace('/', "-")));
        for (file, copy) in files.iter().zip(&copies) {
            std::fs::write(copy, read(file)).expect("written");
        }
        let texts = || copies.each_ref().map(|copy| std::fs::read_to_string(copy).expect("a file"));
        // A registry with this digest for each image.
        let pin = |reported: &str| {
            let tool = path("bin").join(program);
            write_script(&tool, &format!("image={argument}\n{reported}"));
            Command::new(root().join("deploy/pin.sh")).args(&copies).env("PATH", path("bin")).output().expect("it runs")
        };
        let digest = |of: &str| format!("echo sha256:$(printf %s \"{of}\" | sha256sum | cut -c1-64)");

        let named = foreign_images(&copies);
        assert_eq!(named.len(), 4);
        assert!(pin(&digest("$image")).status.success());
        let first = foreign_images(&copies);
        for (image, pinned) in named.iter().zip(&first) {
            let tagged = image.split('@').next().expect("a name");
            let expected = Command::new("sh").args(["-c", &digest(tagged)]).output().expect("a shell").stdout;
            let expected = String::from_utf8(expected).expect("UTF-8");
            assert_eq!(*pinned, format!("{tagged}@{}", expected.trim()));
        }
        let once = texts();
        assert!(pin(&digest("$image")).status.success());
        assert_eq!(texts(), once, "the same digests change nothing");

        // The registry does not know the second image: the first is not changed either.
        for reported in
            ["case $image in rust:*) exit 1 ;; esac", "case $image in rust:*) echo sha256:none; exit ;; esac"]
        {
            assert!(!pin(&format!("{reported}\n{}", digest("later $image"))).status.success());
            assert_eq!(texts(), once);
        }
        assert!(pin(&digest("later $image")).status.success());
        for (before, after) in first.iter().zip(foreign_images(&copies)) {
            assert!(*before != after && before.len() == after.len(), "{before}: {after}");
        }
    }
}

/// What Docker does by default, and podman does not.
#[test]
fn composition_relies_on_no_default_of_one_engine() {
    let services = services("docker-compose.yml");
    let service = |name: &str| &services.iter().find(|(other, _)| other == name).expect("a service").1;
    // nginx has no capability to bind port 443.
    assert_eq!(service("nginx")["sysctls"]["net.ipv4.ip_unprivileged_port_start"], "0");
    // podman 4 knows no owner of a tmpfs.
    for (name, service) in &services {
        assert!(!strings(&service["tmpfs"]).iter().any(|folder| folder.contains("uid=")), "{name}");
    }
    // podman draws a MAC address at each start, and nobody is told: who is asked by the others has fixed ones, on every
    // network that is not left for another one.
    let mut addresses = BTreeSet::new();
    for (network, members) in
        [("inside", &["nginx", "endpoint-a", "endpoint-b"]), ("data", &["postgres", "endpoint-a", "endpoint-b"])]
    {
        for name in members {
            let attached = &service(name)["networks"][network];
            let address = attached["mac_address"].as_str().expect("a MAC address");
            assert!(address.starts_with("02:"), "{address} is not administered locally");
            assert!(addresses.insert(address.to_owned()), "{address} is given twice");
            assert!(attached["ipv4_address"].is_string(), "{name} on {network}");
        }
    }
    // podman's name server leaves questions unanswered while containers come and go.
    let postgres = service("postgres")["networks"]["data"]["ipv4_address"].as_str().expect("an address");
    for name in ["endpoint-a", "endpoint-b"] {
        assert_eq!(strings(&service(name)["extra_hosts"]), [format!("postgres:{postgres}")]);
    }
    for (file, version) in [("Dockerfile", "Docker 25 or newer"), ("deploy/README.md", "Docker 25 or newer")] {
        assert!(read(file).contains(version), "{file}");
    }
}

#[test]
fn composition_services_wait_for_healthy_dependencies() {
    for file in COMPOSITIONS {
        let services = services(file);
        for (name, service) in &services {
            let check = strings(&service["healthcheck"]["test"]);
            assert_eq!(check[0], "CMD", "{file}: {name}: there may be no shell");
            if service["build"] == "." {
                assert_eq!(check[1..], ["/usr/local/bin/sas-endpoint", "healthcheck"], "{file}: {name}");
            }
            for (needed, how) in service["depends_on"].as_object().into_iter().flatten() {
                assert!(services.iter().any(|(other, _)| other == needed), "{file}: {name} needs {needed}");
                assert_eq!(how["condition"], "service_healthy", "{file}: {name} needs {needed}");
            }
        }
    }
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(r#"CMD ["/usr/local/bin/sas-endpoint", "healthcheck"]"#));
    assert!(dockerfile.contains(r#"ENTRYPOINT ["/usr/local/bin/sas-endpoint"]"#));
    assert!(Cli::command().find_subcommand("healthcheck").is_some());
}

#[test]
fn composition_mounts_exist_and_are_read_only() {
    for file in COMPOSITIONS {
        let composition = composition(file);
        for (name, service) in services(file) {
            for volume in strings(&service["volumes"]) {
                if let Some(shipped) = volume.strip_prefix("./") {
                    let (path, _) = shipped.split_once(':').expect("a place");
                    assert!(root().join(path).is_file(), "{file}: {name}: {path} is not shipped");
                    assert!(volume.ends_with(":ro"), "{file}: {name}: {volume}");
                } else if volume.starts_with("${SAS_FOLDER:-/etc/sas-endpoint}/") {
                    assert!(volume.ends_with(":ro"), "{file}: {name}: {volume}");
                } else {
                    let (named, _) = volume.split_once(':').expect("a place");
                    assert!(composition["volumes"].get(named).is_some(), "{file}: {name}: {volume}");
                }
            }
            let networks = service["networks"].as_object().map(|networks| networks.keys().cloned().collect());
            for network in networks.unwrap_or_else(|| strings(&service["networks"])) {
                assert!(composition["networks"].get(&network).is_some(), "{file}: {name}: {network}");
            }
        }
    }
}

#[test]
fn composition_nginx_and_instances_have_matching_addresses() {
    let services = services("docker-compose.yml");
    let address = |service: &Value| service["networks"]["inside"]["ipv4_address"].as_str().map(str::to_owned);
    let instances = read("deploy/nginx/instances.compose.conf");
    for (name, service) in &services {
        let Some(address) = address(service) else { continue };
        if name == "nginx" {
            let trusted = services.iter().filter(|(_, service)| service["build"] == ".");
            let mut trusted = trusted.map(|(_, service)| service["environment"]["SAS_TRUSTED_PROXIES"].as_str());
            assert!(trusted.all(|trusted| trusted == Some(address.as_str())), "{address}");
        } else {
            assert!(instances.contains(&format!("server {address}:8080 ")), "{name}: {address}");
        }
    }
    assert_eq!(instances.lines().filter(|line| line.starts_with("server ")).count(), 2);
    assert!(read("Dockerfile").contains("SAS_LISTEN=0.0.0.0:8080"));
}

#[test]
fn deployment_variables_are_documented_settings() {
    let example = read(".env.example");
    let explained: BTreeSet<_> =
        example.lines().filter_map(|line| line.trim_start_matches('#').split_once('=').map(|(name, _)| name)).collect();
    let settings = settings();
    for file in COMPOSITIONS {
        let text = read(file);
        for variable in text.split("${").skip(1) {
            let name = variable.split([':', '}']).next().expect("a name");
            assert!(explained.contains(name), "{file}: {name} is not in .env.example");
        }
        for (service, definition) in services(file) {
            for (name, value) in definition["environment"].as_object().into_iter().flatten() {
                let ours = name.starts_with("SAS_");
                assert!(!ours || settings.contains(name), "{file}: {service}: there is no setting {name}");
                assert!(!value.is_null() || explained.contains(name.as_str()), "{file}: {name} is not in .env.example");
            }
        }
    }
    // What stands on pages and in units for people to copy.
    let mut files = vec![PathBuf::from("deploy/README.md"), PathBuf::from("SECURITY.md"), PathBuf::from("Dockerfile")];
    files.extend(shipped("deploy/systemd"));
    files.extend(shipped("deploy/nginx"));
    for file in files {
        for name in named_settings(&read(file.to_str().expect("a path"))) {
            let known = settings.contains(&name) || explained.contains(name.as_str());
            assert!(known, "{}: there is no setting {name}", file.display());
        }
    }
}

#[test]
fn systemd_units_run_existing_commands() {
    let known: Vec<_> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for file in shipped("deploy/systemd") {
        for line in read(file.to_str().expect("a path")).lines().filter(|line| line.starts_with("ExecStart=")) {
            let Some((_, command)) = line.split_once("/usr/local/bin/sas-endpoint ") else { continue };
            let name = command.split(' ').next().expect("a command").to_owned();
            assert!(known.contains(&name), "{}: {line}", file.display());
        }
    }
}

/// The value of a setting of a unit; the last one counts.
fn directive(unit: &str, name: &str) -> Option<String> {
    let mut settings = unit.lines().rev().filter_map(|line| line.split_once('='));
    settings.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

#[test]
fn deployment_limits_memory_and_tasks() {
    for file in shipped("deploy/systemd").iter().filter(|file| file.extension().is_some_and(|name| name == "service")) {
        let unit = read(file.to_str().expect("a path"));
        let bounds = ["MemoryMax", "TasksMax"].map(|name| directive(&unit, name));
        assert_eq!(bounds, [Some("512M".to_owned()), Some("256".to_owned())], "{}", file.display());
    }
    for file in COMPOSITIONS {
        for (name, service) in services(file) {
            let memory = if name == "postgres" { "1g" } else { "512m" };
            assert_eq!(
                (&service["mem_limit"], &service["pids_limit"]),
                (&memory.into(), &256.into()),
                "{file}: {name}"
            );
        }
    }
}

#[test]
fn nginx_request_rate_is_the_documented_one() {
    let server = read("deploy/nginx/sas-endpoint.conf");
    for line in [
        "limit_req_zone $sas_client zone=sas_requests:10m rate=100r/s;",
        "    limit_req zone=sas_requests burst=200 nodelay;",
        "    limit_req_status 429;",
    ] {
        assert!(server.lines().any(|found| found == line), "{line}");
    }
    // No other place bounds requests otherwise, and none is delayed.
    assert_eq!(server.matches("\n    limit_req ").count() + server.matches("\n        limit_req ").count(), 1);
    let readme = read("deploy/README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains("100 requests a second, with a burst of 200 (`limit_req`); 429 beyond"));
}

#[test]
fn systemd_units_do_not_run_as_root() {
    for file in shipped("deploy/systemd").iter().filter(|file| file.extension().is_some_and(|name| name == "service")) {
        let unit = read(file.to_str().expect("a path"));
        let user = directive(&unit, "User").unwrap_or_else(|| panic!("{}: no user", file.display()));
        assert_ne!(user, "root", "{}", file.display());
        let readme = read("deploy/README.md");
        assert!(
            readme.contains(&format!("/usr/sbin/nologin {user}\n")) || readme.contains(&format!("nologin {user}`")),
            "{user}"
        );
    }
    let unit = read("deploy/systemd/sas-endpoint-crl.service");
    assert_eq!(directive(&unit, "ReadWritePaths").as_deref(), Some("/etc/sas-endpoint/trust/crl"));
}

#[test]
fn fetch_crl_too_large_or_dated_in_the_future_is_discarded() {
    let folder = folder("lists");
    let trust = folder.path();
    let authority = Authority::new();
    for made in ["crl", "published"] {
        std::fs::create_dir_all(trust.join(made)).expect("a folder");
    }
    std::fs::write(trust.join("client-ca.pem"), authority.pem()).expect("written");
    let published = [trust.join("published/list.crl")];
    let kept = || std::fs::read_to_string(trust.join("crl/list.crl.pem")).unwrap_or_default();
    std::fs::write(&published[0], authority.revocation_list(-1, 7).der()).expect("written");
    assert!(fetch(trust, &published).status.success());
    let genuine = kept();
    assert!(genuine.contains("BEGIN X509 CRL"));

    std::fs::write(&published[0], authority.revocation_list(1, 7).der()).expect("written");
    let output = fetch(trust, &published);
    let reported = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && reported.contains("in the future"), "{output:?}");
    assert_eq!(kept(), genuine);

    let large = std::fs::File::create(&published[0]).expect("a file");
    large.set_len(17 << 20).expect("a size");
    assert!(!fetch(trust, &published).status.success());
    assert_eq!(kept(), genuine);
    let left = std::fs::read_dir(trust.join("crl")).expect("a folder").flatten().map(|file| file.file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["list.crl.pem"], "nothing is left over");
}

/// Runs the script of the lists over this folder of trust, with these files for addresses.
fn fetch(trust: &Path, lists: &[PathBuf]) -> Output {
    let urls: Vec<_> = lists.iter().map(|list| format!("file://{}", list.display())).collect();
    let mut script = Command::new("sh");
    script.arg(root().join("deploy/sas-endpoint-crl.sh")).arg(trust).env("CRL_URLS", urls.join(" "));
    script.output().expect("a shell")
}

#[test]
fn fetch_crl_with_wrong_signature_is_discarded() {
    let folder = folder("lists");
    let trust = folder.path();
    let at = |name: &str| trust.join(name);
    let (authority, foreign) = (Authority::new(), Authority::new());
    std::fs::create_dir_all(at("crl")).expect("a folder");
    std::fs::create_dir_all(at("published")).expect("a folder");
    std::fs::write(at("client-ca.pem"), authority.pem()).expect("written");
    let (first, second) = (at("published/first.crl"), at("published/second.crl"));
    let lists = [at("published/missing.crl"), first.clone(), second.clone()];
    let publish = |file: &Path, list: &[u8]| std::fs::write(file, list).expect("written");
    let list = |authority: &Authority| authority.revocation_list(0, 7);
    let kept = |name: &str| std::fs::read_to_string(at("crl").join(name)).unwrap_or_default();

    // In DER, as IGC-Santé publishes them, or in PEM.
    publish(&first, list(&authority).der());
    publish(&second, authority.revocation_list_of_root(false).pem().expect("PEM").as_bytes());
    let output = fetch(trust, &lists[1..]);
    assert!(output.status.success(), "{output:?}");
    let genuine = kept("first.crl.pem");
    assert!(genuine.contains("BEGIN X509 CRL") && kept("second.crl.pem").contains("BEGIN X509 CRL"));

    // The name of the issuer is the same, its key is not.
    publish(&first, list(&foreign).der());
    std::fs::remove_file(at("crl/second.crl.pem")).expect("removed");
    let output = fetch(trust, &lists);
    assert!(!output.status.success(), "the unit fails: {output:?}");
    assert_eq!(kept("first.crl.pem"), genuine);
    assert!(kept("second.crl.pem").contains("BEGIN X509 CRL"), "{output:?}");
    let reported = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(reported.contains("missing.crl") && reported.contains("first.crl"), "{reported}");

    publish(&first, b"<html>maintenance</html>");
    assert!(!fetch(trust, &lists[1..]).status.success());
    assert_eq!(kept("first.crl.pem"), genuine);
    let left: Vec<_> = std::fs::read_dir(trust).expect("a folder").flatten().map(|file| file.file_name()).collect();
    assert_eq!(left.len(), 3, "nothing is left over: {left:?}");
}

#[test]
fn backup_unit_removes_old_and_incomplete_backups() {
    let unit = read("deploy/systemd/sas-endpoint-backup.service");
    let find = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).expect("a command");
    let folder = folder("backups");
    let within = folder.path();
    std::fs::create_dir_all(within.join("backup")).expect("a folder");
    let (old, new) = (["sas-endpoint-1.db", "sas-endpoint-2.db.17.part"], "sas-endpoint-3.db");
    for name in old.into_iter().chain([new]) {
        std::fs::write(within.join("backup").join(name), "").expect("written");
    }
    let run = |command: &str| Command::new("sh").args(["-c", command]).current_dir(within).status().expect("a shell");
    assert!(run(&format!("cd backup && touch -d '20 days ago' {}", old.join(" "))).success());
    assert!(run(find).success());
    let left = std::fs::read_dir(within.join("backup")).expect("a folder").flatten();
    assert_eq!(left.map(|file| file.file_name()).collect::<Vec<_>>(), [new]);
}

#[test]
fn composition_base_url_is_that_of_the_environment() {
    for (_, service) in services("docker-compose.yml").iter().filter(|(_, service)| service["build"] == ".") {
        // From .env, where another port than 443 is published.
        let environment = service["environment"].as_object().expect("settings");
        assert_eq!(environment.get("SAS_BASE_URL"), Some(&Value::Null));
    }
    let example = read(".env.example");
    assert!(
        !example.lines().any(|line| line.starts_with("SAS_BASE_URL=")),
        "the name of nginx counts unless it is said"
    );
}

#[test]
fn composition_settings_of_the_console_and_the_journal_are_those_of_the_environment() {
    let settings = settings();
    let names: Vec<_> =
        settings.iter().filter(|name| name.starts_with("SAS_CONSOLE") || name.starts_with("SAS_JOURNAL")).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for file in COMPOSITIONS {
        for (service, definition) in services(file).iter().filter(|(_, service)| service["build"] == ".") {
            let environment = definition["environment"].as_object().expect("settings");
            for name in &names {
                assert_eq!(environment.get(*name), Some(&Value::Null), "{file}: {service}: {name}");
            }
        }
    }
    let example = read("deploy/sas-endpoint.example.toml");
    for name in names {
        let option = name.trim_start_matches("SAS_").to_lowercase();
        assert!(example.lines().any(|line| line.starts_with(&format!("#{option} = "))), "{option}");
    }
}

fn shipped(folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join(folder)).expect("a folder").flatten();
    files.map(|file| Path::new(folder).join(file.file_name())).collect()
}
