//! Invalid settings and files are refused at start, with a message.

use sas_endpoint::tls::{self, Settings};

use crate::certificates::Authority;
use crate::files::{Files, text};

fn refused(settings: &Settings) -> String {
    tls::open(settings).err().expect("wrong")
}

#[test]
fn tls_settings_contradictory_are_refused() {
    let files = Files::new();
    let all = files.settings();
    for (settings, sentence) in [
        (Settings { tls_key: None, ..all.clone() }, "SAS_TLS_CERT is set without SAS_TLS_KEY"),
        (Settings { tls_cert: None, ..all.clone() }, "SAS_TLS_KEY is set without SAS_TLS_CERT"),
        (Settings { tls_client_ca: None, ..all.clone() }, "SAS_TLS_CRL is set without SAS_TLS_CLIENT_CA"),
        (Settings { tls_client_ca: None, tls_crl: None, ..all }, "SAS_TLS_CLIENT_AUTH=optional"),
    ] {
        let reported = refused(&settings);
        assert!(reported.contains(sentence), "{reported}");
    }
}

#[test]
fn tls_files_invalid_error_names_the_file() {
    let other = Authority::new();
    for (name, content, sentence) in [
        ("server.pem", "", "the certificate cannot be read"),
        ("server.pem", "-----BEGIN NOTHING-----\n-----END NOTHING-----\n", "there is no certificate in it"),
        ("server.pem", &other.server().chain_pem, "the key does not belong to the certificate"),
        ("server.key", "no key", "there is no private key in it that can be read"),
        (
            "ca.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "a certificate in it that cannot be read",
        ),
        ("ca.pem", &other.organisations.pem(), "there is no root"),
        ("crl.pem", "no list", "a revocation list in it that cannot be read"),
        ("crl.pem", &other.pem(), "there is no revocation list in it"),
    ] {
        let files = Files::new();
        files.write(name, content);
        let reported = refused(&files.settings());
        let expected = if content.is_empty() { "cannot be read" } else { sentence };
        assert!(reported.contains(text(&files.path(name))) && reported.contains(expected), "{name}: {reported}");
    }
    let files = Files::new();
    std::fs::create_dir(files.path("empty")).expect("a folder");
    let reported = refused(&Settings { tls_crl: Some(files.path("empty")), ..files.settings() });
    assert!(reported.contains("there is no file in this folder"), "{reported}");
    let reported = refused(&Settings { tls_crl: Some(files.path("nowhere")), ..files.settings() });
    assert!(reported.contains("nowhere: the file cannot be read"), "{reported}");
}

#[test]
fn tls_settings_authorities_alone_validate_forwarded_certificates() {
    let files = Files::new();
    let (tls, _) = tls::open(&Settings { tls_cert: None, tls_key: None, ..files.settings() }).expect("all is well");
    assert!(tls.server.is_none() && tls.trust.is_some());
}
