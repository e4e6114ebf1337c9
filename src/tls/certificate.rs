//! What a client's certificate says of its holder.

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// The holder that a certificate names. Whether an authority vouches for it is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The common name of the subject; a certificate that has not exactly one names nobody.
    pub common_name: String,
    /// The organizational units of the subject. In IGC-Santé: a prefix and the number of the structure.
    pub organizational_units: Vec<String>,
    /// The serial number, in lower-case hexadecimal digits.
    pub serial: String,
}

impl ClientCertificate {
    /// Reads a certificate in DER. `None` where it cannot be read, or names nobody: a name with control
    /// characters is none, and would write lines of its own into logs and records.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let mut names = subject.iter_common_name();
        let (common_name, None) = (names.next()?.as_str().ok()?, names.next()) else { return None };
        let units = subject.iter_organizational_unit().map(|unit| printable(unit.as_str().ok()?));
        rest.is_empty().then_some(())?;
        Some(Self {
            common_name: printable(common_name)?,
            organizational_units: units.collect::<Option<_>>()?,
            serial: certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

fn printable(name: &str) -> Option<String> {
    (!name.contains(char::is_control)).then(|| name.to_owned())
}
