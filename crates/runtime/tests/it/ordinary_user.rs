use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::*;

/// An account that nobody has.
const UID: &str = "1999999999";

/// The recommended way to run the control plane is as an ordinary user: when root runs these tests, they run once more
/// as one, with copies of the programs where that user can reach them.
#[test]
fn everything_works_as_an_ordinary_user_too() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    open_tunnel_device();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (tests, host) = (folder.path().join("it"), folder.path().join("runtime-host"));
    copy_program(&std::env::current_exe().unwrap(), &tests, "755");
    copy_program(&program(), &host, "755");
    let output = Command::new("setpriv")
        .args(["--reuid", UID, "--regid", UID, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"])
        .arg(&tests)
        .args(["--test-threads", "4"])
        .env("RUST_BACKTRACE", "0")
        // That user may not write it, and it would count everything twice.
        .env_remove("VESTRY_ASSURANCE")
        .current_dir("/")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as an ordinary user:\n{report}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("starts::the_environment_is_exactly_what_was_given ... ok"), "{report}");
}
