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
    /// Reads a certificate in DER. `None` where it cannot be read, or names nobody.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let mut names = subject.iter_common_name();
        let (common_name, None) = (names.next()?.as_str().ok()?, names.next()) else { return None };
        let units = subject.iter_organizational_unit().map(|unit| unit.as_str().map(str::to_owned));
        rest.is_empty().then_some(())?;
        Some(Self {
            common_name: common_name.to_owned(),
            organizational_units: units.collect::<Result<_, _>>().ok()?,
            serial: certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}
