use runtime::machine::UserNamespaces;

use super::super::report::Verdict;

/// Whether servers' sandboxes get the namespaces that they are made of.
pub(in super::super) fn judge(observed: &Result<UserNamespaces, String>) -> Verdict {
    let found = match observed {
        Ok(found) => found,
        Err(why) => return Verdict::unknown(why),
    };
    let Some(refused) = &found.refused else { return Verdict::ok("they can be made") };
    let (who, remedy) = cause(found);
    Verdict::problem(format!("they can't be made ({refused}): {who}"))
        .because("The sandbox is made of them; without it no server starts. As root:")
        .remedy(remedy)
}

/// What forbids them, and what to type; the first that fits. `scripts/setup` says the same.
fn cause(found: &UserNamespaces) -> (&'static str, Vec<&'static str>) {
    let table = [
        (
            found.unprivileged_clone == Some(0),
            "kernel.unprivileged_userns_clone is 0",
            vec![
                "sysctl -w kernel.unprivileged_userns_clone=1",
                "echo kernel.unprivileged_userns_clone=1 > /etc/sysctl.d/60-vestry.conf",
            ],
        ),
        (
            found.most == Some(0),
            "user.max_user_namespaces is 0",
            vec![
                "sysctl -w user.max_user_namespaces=15000",
                "echo user.max_user_namespaces=15000 > /etc/sysctl.d/60-vestry.conf",
            ],
        ),
        (
            found.apparmor_restricts == Some(1),
            "AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1)",
            vec![
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
                "echo kernel.apparmor_restrict_unprivileged_userns=0 > /etc/sysctl.d/60-vestry.conf",
            ],
        ),
        (
            found.contained,
            "this is a container, or system calls are filtered as in one",
            vec![
                "use the machine itself or a virtual machine, or start the container with",
                "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt unmask=ALL --device /dev/net/tun",
            ],
        ),
        (
            found.selinux_enforces,
            "SELinux is enforcing, and no setting of the kernel forbids them",
            vec![
                "ausearch -m avc -ts recent",
                "ausearch -m avc -ts recent --raw | audit2allow -M vestry-namespaces && semodule -i vestry-namespaces.pp",
            ],
        ),
    ];
    let fits = table.into_iter().find(|(is, ..)| *is);
    fits.map_or(("no setting of the kernel that is known says why", vec!["dmesg | tail"]), |(_, who, how)| (who, how))
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    fn refused() -> UserNamespaces {
        UserNamespaces { refused: Some("Operation not permitted".into()), ..UserNamespaces::default() }
    }

    #[test]
    fn each_way_to_forbid_them_is_told_apart_with_its_own_remedy() {
        let table = [
            (
                UserNamespaces { unprivileged_clone: Some(0), ..refused() },
                "sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            (
                UserNamespaces { most: Some(0), unprivileged_clone: Some(1), ..refused() },
                "user.max_user_namespaces=15000",
            ),
            (
                UserNamespaces { apparmor_restricts: Some(1), most: Some(9), ..refused() },
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            ),
            (UserNamespaces { contained: true, selinux_enforces: true, ..refused() }, "seccomp=unconfined"),
            (UserNamespaces { selinux_enforces: true, apparmor_restricts: Some(0), ..refused() }, "ausearch"),
            (refused(), "dmesg"),
        ];
        for (found, remedy) in table {
            let verdict = judge(&Ok(found));
            assert_eq!(verdict.status, Status::Problem);
            assert!(verdict.remedy.iter().any(|line| line.contains(remedy)), "{verdict:?}");
        }
    }

    #[test]
    fn what_works_is_well_whatever_settings_say() {
        let found = UserNamespaces { apparmor_restricts: Some(1), contained: true, ..UserNamespaces::default() };
        assert_eq!(judge(&Ok(found)).status, Status::Ok);
        assert_eq!(judge(&Err("it has more threads".into())).status, Status::Unknown);
    }
}
