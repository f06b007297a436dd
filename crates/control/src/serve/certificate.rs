//! What a certificate says of itself (RFC 5280): how long it holds, and for which host.

use domain::Time;
use jiff::civil::DateTime;
use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName},
    server::ParsedCertificate,
};

use super::Tls;

impl Tls {
    /// From when until when the certificate is valid; `None` when that can't be read.
    pub fn validity(&self) -> Option<(Time, Time)> {
        validity(&self.leaf())
    }

    /// Whether the certificate is for a host.
    pub fn is_for(&self, host: &str) -> bool {
        is_for(&self.leaf(), host)
    }
}

fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let (Ok(name), Ok(parsed)) = (ServerName::try_from(bare), ParsedCertificate::try_from(certificate)) else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// In the certificate, behind the optional version, serial number, algorithm and issuer stands the validity: two times.
fn validity(certificate: &[u8]) -> Option<(Time, Time)> {
    let (_, certificate, _) = element(certificate)?;
    let (_, body, _) = element(certificate)?;
    let (first, _, behind) = element(body)?;
    let mut rest = if first == VERSION { behind } else { body };
    for _ in ["serial number", "algorithm", "issuer"] {
        (_, _, rest) = element(rest)?;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (begins, rest) = moment(validity)?;
    let (ends, _) = moment(rest)?;
    Some((begins, ends))
}

/// The first element as a time, and what follows it.
fn moment(bytes: &[u8]) -> Option<(Time, &[u8])> {
    let (kind, text, rest) = element(bytes)?;
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match kind {
        // Two digits of the year, from 1950 on.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let moment = DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
    let moment = jiff::tz::TimeZone::UTC.to_timestamp(moment).ok()?;
    Some((Time(moment.as_microsecond()), rest))
}

/// The first element of DER: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(include_bytes!("../../tests/it/certificates/one.pem")).unwrap()
    }

    #[test]
    fn the_beginning_and_the_end_are_read() {
        let (begins, ends) = validity(&certificate()).unwrap();
        assert_eq!(crate::clock::rfc3339(begins), "2020-01-01T00:00:00.000000Z");
        assert_eq!(crate::clock::rfc3339(ends), "2120-01-01T00:00:00.000000Z");
    }

    #[test]
    fn no_damage_is_more_than_unreadable() {
        let whole = certificate();
        for length in 0..whole.len() {
            let _ = validity(&whole[..length]);
            let mut changed = whole.to_vec();
            changed[length] ^= 0xff;
            let _ = validity(&changed);
        }
        assert_eq!(validity(&whole[..40]), None);
    }

    #[test]
    fn the_host_is_compared() {
        assert!(is_for(&certificate(), "localhost"));
        for other in ["vestry.example.org", "127.0.0.1", "[::1]", ""] {
            assert!(!is_for(&certificate(), other), "{other}");
        }
    }
}
