//! `make demo-certificates`: a toy authority, a server's certificate, those of good and bad clients and
//! the revocation lists, as PEM files; then what to try with them.

#[path = "../tests/support/certificates.rs"]
mod certificates;

use std::path::PathBuf;

use certificates::{Authority, COMMON_NAME, ORGANIZATIONAL_UNIT};

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("deploy/demo"), PathBuf::from);
    certificates::write(&Authority::new(), &folder)?;
    let folder = folder.display();
    println!(
        "Written to {folder}: ca.pem, crl.pem, server, client-good, client-wrong-cn, client-wrong-ou, client-expired,
client-revoked (.pem and .key). The good client is CN={COMMON_NAME}, OU={ORGANIZATIONAL_UNIT}. For trying things out only.

Serve with mutual TLS:
  SAS_TLS_CERT={folder}/server.pem SAS_TLS_KEY={folder}/server.key \\
  SAS_TLS_CLIENT_CA={folder}/ca.pem SAS_TLS_CRL={folder}/crl.pem cargo run --release

Try, in another terminal (good is served; wrong-cn and wrong-ou are refused once callers are listed in the
configuration file; expired, revoked and no certificate do not get through the handshake):
  curl --cacert {folder}/ca.pem --cert {folder}/client-good.pem --key {folder}/client-good.key https://localhost:8080/fhir/metadata
  curl --cacert {folder}/ca.pem --cert {folder}/client-revoked.pem --key {folder}/client-revoked.key https://localhost:8080/fhir/metadata
  curl --cacert {folder}/ca.pem https://localhost:8080/fhir/metadata"
    );
    Ok(())
}
