use runtime::machine::CoreDumps;

use super::super::report::Verdict;

/// Whether a crash leaves memory behind.
pub(in super::super) fn judge(observed: &CoreDumps) -> Verdict {
    let place = match &observed.pattern {
        Some(pattern) if pattern.starts_with('|') => "other programs' dumps go to one that collects them",
        Some(_) => "other programs' dumps go to files, where their limits let them",
        None => "where other programs' dumps go can't be read",
    };
    match observed.of_control_plane.as_deref() {
        Some(limit) if limit != "0" => {
            Verdict::problem(format!("the control plane that runs could leave one (its limit is {limit})"))
                .because("A core dump holds keys and values. It forbids them at its start, so somebody changed that:")
                .remedy(["restart the control plane"])
        }
        running => {
            let known = if running.is_some() { "as the one that runs shows" } else { "as was tried here" };
            Verdict::ok(format!("none of the control plane ({known}), its supervisors and its servers; {place}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    #[test]
    fn only_a_control_plane_that_could_leave_one_is_a_problem() {
        let verdict = |pattern: Option<&str>, limit: Option<&str>| {
            judge(&CoreDumps { pattern: pattern.map(str::to_owned), of_control_plane: limit.map(str::to_owned) })
        };
        assert_eq!(verdict(Some("core"), Some("0")).status, Status::Ok);
        assert!(verdict(Some("|/usr/lib/systemd/systemd-coredump %P"), None).found.contains("one that collects them"));
        assert_eq!(verdict(None, None).status, Status::Ok);
        assert_eq!(verdict(Some("core"), Some("unlimited")).status, Status::Problem);
    }
}
