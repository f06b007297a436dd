//! Whether what travels to the control plane is encrypted, by whom, and for how much longer.

use std::path::Path;

use jiff::Timestamp;

use super::{super::report::Verdict, shell};
use crate::time::When;

/// What was seen of a certificate and its key.
pub(in super::super) struct Certificate<'a> {
    /// The file of the certificate.
    pub(in super::super) path: &'a Path,
    /// The file of its key.
    pub(in super::super) key: &'a Path,
    /// The mode of the key's file.
    pub(in super::super) key_mode: Option<u32>,
    /// From when until when it is valid; `None` when it doesn't say.
    pub(in super::super) validity: Option<(When, When)>,
    /// The host of the public address, and whether it is for that.
    pub(in super::super) host: Option<(&'a str, bool)>,
}

const DAY: i64 = 86_400;
/// When it is time for a new one.
const SOON: i64 = 30 * DAY;

/// Whether clients accept the certificate, and for how long.
pub(in super::super) fn judge(certificate: &Certificate<'_>, now: Timestamp) -> Verdict {
    let Certificate { path, key, key_mode, validity, host } = certificate;
    let name = path.display();
    let renew = ["certbot renew      or however you got it; a new pair is taken up without a restart"];
    let left = validity.map(|(_, ends)| ends.until(now));
    match (validity, left) {
        (Some((begins, _)), _) if begins.until(now) > 0 => {
            return Verdict::problem(format!("{name} is not valid yet, from {}", begins.exact()))
                .because("No client accepts it before, unless it is this machine's clock that is wrong.")
                .remedy(["date -u      is the clock right?", renew[0]]);
        }
        (_, Some(..=0)) => {
            return Verdict::problem(format!("{name} has ended")).because("No client accepts it.").remedy(renew);
        }
        (_, Some(left)) if left < SOON => {
            return Verdict::warning(format!("{name} ends in {} days", left / DAY))
                .because("From then on no client accepts it.")
                .remedy(renew);
        }
        _ => {}
    }
    if let Some((host, false)) = host {
        return Verdict::warning(format!("{name} is not for {host}"))
            .because("Clients that use the public address refuse it, unless a proxy has another one in front.")
            .remedy(["give --tls-cert the certificate for it, or --public-url the address that it is for"]);
    }
    if let Some(mode) = key_mode.filter(|mode| mode & 0o007 != 0) {
        return Verdict::warning(format!("others may use {} (its mode is {mode:04o})", key.display()))
            .because("Whoever has the key can pose as the control plane.")
            .remedy([format!("chmod o= {}", shell(key))]);
    }
    match left {
        Some(left) => Verdict::ok(format!("{name} fits its key and holds for {} days", left / DAY)),
        None => Verdict::unknown(format!("{name} fits its key, and how long it holds can't be read")),
    }
}

/// The same where the control plane has no certificate. `warning` is what it says at its start.
pub(in super::super) fn judge_without(public: bool, warning: Option<&str>) -> Verdict {
    match (public, warning) {
        (_, Some(warning)) => Verdict::warning("a proxy does TLS, and it is not named")
            .because(warning)
            .remedy(["vestry serve --trusted-proxy ADDRESS      or trusted_proxies in the settings file"]),
        (true, None) => Verdict::ok("a proxy does TLS"),
        (false, None) => Verdict::ok("not needed: it listens on this machine only"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    /// Valid from and until so many seconds from now.
    fn valid(begins: i64, ends: i64) -> Option<(When, When)> {
        let when = |seconds| When::of(domain::Time(now().as_microsecond() + seconds * 1_000_000)).unwrap();
        Some((when(begins), when(ends)))
    }

    fn certificate<'a>() -> Certificate<'a> {
        Certificate {
            path: Path::new("/tls/chain.pem"),
            key: Path::new("/tls/key.pem"),
            key_mode: Some(0o640),
            validity: valid(-DAY, 90 * DAY),
            host: Some(("vestry.test", true)),
        }
    }

    fn judge(certificate: &Certificate<'_>) -> Verdict {
        super::judge(certificate, now())
    }

    #[test]
    fn a_certificate_begins_and_ends_and_is_for_a_host() {
        assert_eq!(judge(&certificate()).status, Status::Ok);
        let of = |validity| judge(&Certificate { validity, ..certificate() });
        let left = |seconds| of(valid(-DAY, seconds));
        assert_eq!(left(0).status, Status::Problem);
        assert_eq!(left(-DAY / 2).status, Status::Problem);
        assert_eq!(left(SOON - 1).status, Status::Warning);
        assert!(left(3 * DAY + 5).found.ends_with("ends in 3 days"));
        assert_eq!(left(SOON).status, Status::Ok);
        assert_eq!(of(None).status, Status::Unknown);
        let early = of(valid(3600, 90 * DAY));
        assert_eq!(early.status, Status::Problem);
        assert_eq!(early.found, "/tls/chain.pem is not valid yet, from 2026-11-22 13:00:00Z");
        assert_eq!(of(valid(0, 90 * DAY)).status, Status::Ok);
        let other = judge(&Certificate { host: Some(("other.test", false)), ..certificate() });
        assert_eq!(other.status, Status::Warning);
        let open = judge(&Certificate { key_mode: Some(0o644), ..certificate() });
        assert_eq!(open.remedy, ["chmod o= /tls/key.pem"]);
    }

    #[test]
    fn without_one_somebody_else_does_it_or_nobody_need() {
        assert_eq!(judge_without(false, None).status, Status::Ok);
        assert_eq!(judge_without(true, None).status, Status::Ok);
        let verdict = judge_without(true, Some("All count as one address."));
        assert_eq!((verdict.status, verdict.why.as_str()), (Status::Warning, "All count as one address."));
    }
}
