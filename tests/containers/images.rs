//! The image, built by its Dockerfile, and stand-ins for third-party images, made of Debian's packages.

use std::path::Path;
use std::process::{Command, Output};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::support::folder;

/// What the stand-ins need beyond Debian's smallest installation.
const PACKAGES: [&str; 10] = [
    "ca-certificates",
    "curl",
    "dbus",
    "netbase",
    "nginx-light",
    "openssl",
    "postgresql",
    "systemd",
    "systemd-sysv",
    "tzdata",
];

/// The name that both compositions give to the image.
pub const IMAGE: &str = concat!("sas-endpoint:", env!("CARGO_PKG_VERSION"));

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Debian of this machine's release, whose glibc cargo's program was linked to, with [`PACKAGES`]; kept as long as no
/// version changes.
pub fn make_debian(engine: &Engine) {
    let tag = debian();
    if engine.try_run(&["image", "exists", &tag]).status.success() {
        return;
    }
    // Of other versions.
    engine.run(&["rmi", "--all", "--force"]);
    let work = folder("debian");
    let (tree, archive) = (work.path().join("tree"), work.path().join("tree.tar"));
    let release = release();
    let source = "http://deb.debian.org/debian";
    run(Command::new("debootstrap").args(["--variant=minbase", &release]).arg(&tree).arg(source));
    let write = |file: &str, text: &str| {
        let file = tree.join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    };
    let security = "http://deb.debian.org/debian-security";
    let sources = format!("deb {source} {release} main\ndeb {security} {release}-security main\n");
    write("etc/apt/sources.list", &sources);
    // No service is started while its package is installed, and no cluster is made.
    write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
    run(Command::new("chmod").arg("755").arg(tree.join("usr/sbin/policy-rc.d")));
    write("etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n");
    let install = format!(
        "apt-get update -q && apt-get install -y -q --no-install-recommends {} && apt-get clean \
         && rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d",
        PACKAGES.join(" ")
    );
    let mut chroot = Command::new("chroot");
    run(chroot.arg(&tree).args(["sh", "-c", &install]).env("DEBIAN_FRONTEND", "noninteractive"));
    run(Command::new("tar").arg("-C").arg(&tree).arg("-cf").arg(&archive).arg("."));
    engine.run(&["import", "--quiet", archive.to_str().expect("a path"), &tag]);
}

/// Makes what takes the place of an image of others, as `standins/` says, and calls it like that image.
pub fn make_stand_in(engine: &Engine, image: &str) {
    let image = without_digest(image);
    let name = image.split(':').next().expect("a name");
    let context = repository().join("tests/containers/standins").join(name);
    assert!(context.is_dir(), "nothing stands in for {image}");
    let debian = format!("debian=container-image://{}", debian());
    let context = context.to_str().expect("a path");
    engine.run(&["build", "--quiet", "--format", "docker", "--build-context", &debian, "--tag", image, context]);
}

/// No stand-in has the digest of what it stands in for, which `make pin` writes after the tag.
pub fn without_digest(image: &str) -> &str {
    image.split('@').next().expect("a name")
}

/// Builds the Dockerfile of this folder, with the program that cargo made in the place of what its stage `build` makes.
pub fn make_image(engine: &Engine, folder: &Path) {
    make_stand_in(engine, "distroless:test");
    let built = built_by_cargo();
    let build = format!("build={}", built.path().display());
    let dockerfile = std::fs::read_to_string(folder.join("Dockerfile")).expect("a Dockerfile");
    let base = dockerfile.lines().rev().find_map(|line| line.strip_prefix("FROM ")).expect("a base");
    assert!(base.starts_with("gcr.io/distroless/cc-debian12:nonroot"), "{base}");
    let base = format!("{base}=container-image://localhost/distroless:test");
    let context = folder.to_str().expect("a path");
    // An image in OCI's format has no health check.
    engine.run(&[
        "build",
        "--quiet",
        "--format",
        "docker",
        "--build-context",
        &build,
        "--build-context",
        &base,
        "--tag",
        IMAGE,
        context,
    ]);
}

/// `/image` of the stage `build`: owner and rights as the Dockerfile gives them.
fn built_by_cargo() -> tempfile::TempDir {
    let built = folder("image");
    let program = env!("CARGO_BIN_EXE_sas-endpoint");
    let image = built.path().join("image");
    // Without what debuggers read, most of which is of no use in a container.
    let install = ["-D", "--strip", program];
    run(Command::new("install").args(install).arg(image.join("usr/local/bin/sas-endpoint")));
    run(Command::new("install").args(["-d", "-o", "65532", "-g", "65532", "-m", "0700"]).arg(image.join("data")));
    built
}

/// What `.dockerignore` lets through, as the engine reads it, in this new folder.
pub fn export_build_context(engine: &Engine, to: &Path) {
    let work = folder("context");
    let dockerfile = work.path().join("Dockerfile");
    std::fs::write(&dockerfile, "FROM scratch\nCOPY . /\n").expect("written");
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let ignored = repository().join(".dockerignore");
    engine.run(&[
        "build",
        "--quiet",
        "--no-cache",
        "--file",
        &path(&dockerfile),
        "--ignorefile",
        &path(&ignored),
        "--output",
        &path(to),
        &path(repository()),
    ]);
}

/// The name of Debian's stand-in: with a hash of the versions of its packages.
fn debian() -> String {
    let mut policy = Command::new("apt-cache");
    let output = run(policy.args(["policy", "libc6", "debootstrap"]).args(PACKAGES).env("LC_ALL", "C"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let versions = text.lines().filter(|line| !line.starts_with(' ') || line.starts_with("  Candidate:"));
    let hash = Sha256::digest(release() + &versions.collect::<String>());
    format!("localhost/debian:{}", HEXLOWER.encode(&hash[..8]))
}

/// `bookworm`.
fn release() -> String {
    let text = std::fs::read_to_string("/etc/os-release").expect("a Debian");
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.expect("a release").to_owned()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let reported = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?}: {} {}", reported[0], reported[1]);
    output
}
