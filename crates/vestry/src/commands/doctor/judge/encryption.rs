//! Whether what travels to the control plane is encrypted, by whom, and for how much longer.

use std::path::Path;

use super::{super::report::Verdict, shell};

/// What was seen of a certificate and its key.
pub(in super::super) struct Certificate<'a> {
    /// The file of the certificate.
    pub(in super::super) path: &'a Path,
    /// The file of its key.
    pub(in super::super) key: &'a Path,
    /// The mode of the key's file.
    pub(in super::super) key_mode: Option<u32>,
    /// How many seconds it still holds; negative when it has ended; `None` when it doesn't say.
    pub(in super::super) seconds_left: Option<i64>,
    /// The host of the public address, and whether it is for that.
    pub(in super::super) host: Option<(&'a str, bool)>,
}

const DAY: i64 = 86_400;
/// When it is time for a new one.
const SOON: i64 = 30 * DAY;

/// Whether clients accept the certificate, and for how long.
pub(in super::super) fn judge(certificate: &Certificate<'_>) -> Verdict {
    let Certificate { path, key, key_mode, seconds_left, host } = certificate;
    let name = path.display();
    let renew = ["certbot renew      or however you got it; a new pair is taken up without a restart"];
    match seconds_left {
        Some(..=0) => {
            return Verdict::problem(format!("{name} has ended")).because("No client accepts it.").remedy(renew);
        }
        Some(left) if *left < SOON => {
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
    match seconds_left {
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

    fn certificate<'a>() -> Certificate<'a> {
        Certificate {
            path: Path::new("/tls/chain.pem"),
            key: Path::new("/tls/key.pem"),
            key_mode: Some(0o640),
            seconds_left: Some(90 * DAY),
            host: Some(("vestry.test", true)),
        }
    }

    #[test]
    fn a_certificate_ends_and_is_for_a_host() {
        assert_eq!(judge(&certificate()).status, Status::Ok);
        let left = |seconds| judge(&Certificate { seconds_left: seconds, ..certificate() });
        assert_eq!(left(Some(0)).status, Status::Problem);
        assert_eq!(left(Some(-DAY)).status, Status::Problem);
        assert_eq!(left(Some(SOON - 1)).status, Status::Warning);
        assert!(left(Some(3 * DAY + 5)).found.ends_with("ends in 3 days"));
        assert_eq!(left(Some(SOON)).status, Status::Ok);
        assert_eq!(left(None).status, Status::Unknown);
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
