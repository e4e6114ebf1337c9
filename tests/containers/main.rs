//! Runs the deployment in Debian's podman: the image, both compositions and the systemd units.
//!
//! Needs root and Debian's podman, runc, netavark, aardvark-dns, iptables and debootstrap. `SAS_TEST_CONTAINERS=required`
//! turns their absence from a remark into a failure, `skip` leaves the suite out. No registry is asked: `standins/` holds
//! what takes the place of the images that others publish.

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/client.rs"]
mod client;
#[path = "../proxy/deployment.rs"]
#[allow(dead_code)] // What the suite `proxy` does with it besides.
mod deployment;
#[path = "../proxy/nginx.rs"]
#[allow(dead_code)] // Likewise.
mod nginx;
#[path = "../program/process.rs"]
#[allow(dead_code)] // Likewise.
mod process;
#[path = "../support/mod.rs"]
#[allow(unused_macros)] // No test here runs on both databases.
mod support;

mod composition;
mod engine;
mod image;
mod images;
mod installation;
mod instances;
mod load;
mod sqlite;
mod units;
