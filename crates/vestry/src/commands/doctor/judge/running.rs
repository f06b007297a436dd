use std::net::SocketAddr;

use super::super::report::Verdict;

/// Whether a control plane runs on this installation, or could. `taken`: something answers at its address.
pub(in super::super) fn judge(holder: &Result<Option<u32>, String>, listen: SocketAddr, taken: bool) -> Verdict {
    match holder {
        Err(why) => Verdict::unknown(why),
        Ok(Some(pid)) if taken => Verdict::ok(format!("it runs (process {pid}), and {listen} answers")),
        Ok(Some(pid)) => Verdict::warning(format!("it runs (process {pid}), and nothing answers at {listen}"))
            .because("It is starting or ending, or was started with another address.")
            .remedy([format!("tr '\\0' ' ' < /proc/{pid}/cmdline")]),
        Ok(None) if taken => Verdict::problem(format!("it doesn't run, and something else listens on {listen}"))
            .because("It can't start there.")
            .remedy([
                format!("ss -ltnp 'sport = :{}'", listen.port()),
                "another address:  vestry serve --listen".into(),
            ]),
        Ok(None) => Verdict::warning("it doesn't run").because("Nothing can be asked of it.").remedy(["vestry serve"]),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    #[test]
    fn a_control_plane_runs_could_run_or_can_not() {
        let listen = "127.0.0.1:8460".parse().unwrap();
        let status = |holder, taken| judge(&holder, listen, taken).status;
        assert_eq!(status(Ok(Some(7)), true), Status::Ok);
        assert_eq!(status(Ok(Some(7)), false), Status::Warning);
        assert_eq!(status(Ok(None), true), Status::Problem);
        assert_eq!(status(Ok(None), false), Status::Warning);
        assert_eq!(status(Err("no /proc".into()), true), Status::Unknown);
    }
}
