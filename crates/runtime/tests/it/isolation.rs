//! What a server of workspace A tries against workspace B, the control plane and this machine.
//!
//! A probe is a line of shell that succeeds when the attack does. Each is also run outside of the sandbox, where it
//! must succeed: a probe that can't succeed proves nothing. For a few, outside is not comparable, and they say why.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::symlink,
            net::{SocketAddr, UnixListener},
            process::CommandExt,
        },
    },
    process::Command,
};

use nix::ifaddrs::getifaddrs;

use crate::support::*;

/// Every machine's `perl-base` has these modules.
const PERL: &str = "perl -MSocket -MErrno -e";

struct Probe {
    name: String,
    attack: String,
    /// Whether it succeeds outside.
    control: bool,
}

fn probe(name: &str, attack: impl Into<String>) -> Probe {
    Probe { name: name.to_owned(), attack: attack.into(), control: true }
}

/// Nothing to compare outside: what it attacks is only there inside, or changing it outside would hurt.
fn only_inside(name: &str, attack: impl Into<String>) -> Probe {
    Probe { control: false, ..probe(name, attack) }
}

fn connect(address: IpAddr, port: u16) -> String {
    format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port}'")
}

/// Succeeds unless a route refuses it; connecting UDP sends nothing and needs no peer.
fn route(address: &str) -> String {
    format!(
        "{PERL} 'socket(S, AF_INET, SOCK_DGRAM, 0) or die; \
         exit(0) if connect(S, sockaddr_in(80, inet_aton(\"{address}\"))); exit($!{{EACCES}} ? 1 : 0)'"
    )
}

fn connect_unix(address: &str) -> String {
    format!("{PERL} 'socket(S, AF_UNIX, SOCK_STREAM, 0) or die; connect(S, pack_sockaddr_un({address})) or die'")
}

/// A system call by its number, which must not be refused with EPERM.
fn system_call(number: i64, arguments: &str) -> String {
    format!("{PERL} 'my $n = syscall({number}, {arguments}); exit($n == -1 && $!{{EPERM}} ? 1 : 0)'")
}

fn host_addresses() -> Vec<Ipv4Addr> {
    let addresses = getifaddrs().unwrap().filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()));
    addresses.filter(|address| !address.is_loopback()).collect()
}

/// What there is to attack.
struct Scene {
    machine: Machine,
    /// The control plane's files outside of the data directory.
    _outside: tempfile::TempDir,
    _sockets: (TcpListener, TcpListener, UnixListener, UnixListener),
    attacker: Place,
    victim: Place,
    probes: Vec<Probe>,
}

async fn scene() -> Scene {
    let outside = tempfile::tempdir_in("/var/tmp").unwrap();
    let machine = Machine::with(|settings| {
        settings.hidden_paths = vec![outside.path().to_owned()];
        settings.blocked_networks = vec!["203.0.113.0/24".to_owned()];
    });
    let (attacker, victim) = (Place::new(), Place::new());
    let data = machine.data().to_str().unwrap().to_owned();
    let key = outside.path().join("root.key");
    fs::write(&key, "root key").unwrap();
    fs::write(machine.data().join("vestry.db"), "database").unwrap();

    let secret = format!("value-of-b-{}", victim.server);
    let script = "echo secret > note; echo up; sleep 1000";
    let start = machine.start(victim.shell_with(script, base().secret("KEY", value(&secret)))).await;
    let sleeping = || machine.family(start).into_iter().find(|process| process.name == "sleep");
    until("B's process", || sleeping().is_some()).await;
    let b = sleeping().unwrap().pid;
    let supervisor = machine.supervisor(start);
    let own = std::process::id();

    let any = TcpListener::bind("0.0.0.0:0").unwrap();
    let any6 = TcpListener::bind("[::]:0").unwrap();
    let (port, port6) = (any.local_addr().unwrap().port(), any6.local_addr().unwrap().port());
    let socket = outside.path().join("socket");
    let named = UnixListener::bind(&socket).unwrap();
    let abstract_name = format!("vestry-test-{}", attacker.server);
    let abstract_address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
    let hidden = UnixListener::bind_addr(&abstract_address).unwrap();
    let home_b = machine.home(victim);
    let home_b = home_b.to_str().unwrap();

    let mut probes = vec![
        probe("read a file in B's home", format!("cat {home_b}/note")),
        probe("write into B's home", format!("touch {home_b}/planted")),
        probe("list the homes", format!("ls {data}/homes/*")),
        probe("read B's log", format!("cat {data}/logs/*/*.log")),
        probe("read B's record", format!("cat {data}/run/*/facts.json")),
        probe("read the database", format!("cat {data}/vestry.db")),
        probe("write into the data directory", format!("touch {data}/planted")),
        probe("read the root key", format!("cat {}", key.display())),
        probe("read B's environment", format!("grep -q {secret} /proc/{b}/environ")),
        probe("find B's value in any environment", format!("cat /proc/[0-9]*/environ 2>/dev/null | grep -aq {secret}")),
        probe("read B's memory map", format!("cat /proc/{b}/maps | grep -q .")),
        probe("open B's memory", format!("dd if=/proc/{b}/mem of=/dev/null count=0 2>/dev/null")),
        probe("list B's descriptors", format!("ls -l /proc/{b}/fd/0")),
        probe("go through B's root", format!("cat /proc/{b}/root/home/workspace/note")),
        probe("signal B", format!("kill -0 {b}")),
        probe("signal B's supervisor", format!("kill -0 {supervisor}")),
        probe("read the control plane's environment", format!("cat /proc/{own}/environ | grep -q .")),
        probe("list the control plane's descriptors", format!("ls -l /proc/{own}/fd/0")),
        probe("connect to B's supervisor", connect_unix(&format!("(glob(\"{data}/run/*/socket\"))[0]"))),
        probe("connect to a socket of the host", connect_unix(&format!("\"{}\"", socket.display()))),
        probe("connect to an abstract socket of the host", connect_unix(&format!("\"\\0{abstract_name}\""))),
        probe("connect to the host's loopback", connect(Ipv4Addr::LOCALHOST.into(), port)),
        probe("see processes of the host", format!("test -d /proc/{own}/task/{own}")),
        probe("see the host's name", format!("test \"$(cat /proc/sys/kernel/hostname)\" = '{}'", hostname())),
        probe("see the host's temporary files", format!("ls -d {}", outside.path().display())),
        probe("read host accounts", "grep -q ^daemon: /etc/passwd"),
        probe("see the host's sys", "ls /sys/kernel"),
        probe("make a user namespace", "unshare --user true"),
        probe("become someone else in a user namespace", "unshare --user --map-root-user true"),
        probe("use the kernel's keyring", system_call(nix::libc::SYS_keyctl, "0, -3, 0")),
        probe("use io_uring", system_call(nix::libc::SYS_io_uring_setup, "0, 0")),
        probe(
            "read other processes' memory by call",
            system_call(nix::libc::SYS_process_vm_readv, "$$, 0, 0, 0, 0, 0"),
        ),
        probe("make a namespace by clone", system_call(nix::libc::SYS_clone, "0x10000000 | 17, 0, 0, 0, 0")),
        probe(
            "type into a terminal by ioctl",
            format!("{PERL} 'my $x = \"x\"; ioctl(STDIN, 0x5412, $x); exit($!{{EPERM}} ? 1 : 0)' < /dev/null"),
        ),
        only_inside("add to the kernel's keyring", system_call(nix::libc::SYS_add_key, "0, 0, 0, 0, 0")),
        only_inside("load a program into the kernel", system_call(nix::libc::SYS_bpf, "-1, 0, 0")),
        only_inside("count the kernel's events", system_call(nix::libc::SYS_perf_event_open, "0, 0, 0, 0, 0")),
        only_inside("handle page faults", system_call(nix::libc::SYS_userfaultfd, "1")),
        only_inside("join a namespace", system_call(nix::libc::SYS_setns, "-1, 0")),
        only_inside("read the kernel's log", system_call(nix::libc::SYS_syslog, "10, 0, 0")),
        only_inside(
            "make a namespace by clone3",
            format!("{PERL} 'syscall({}, 0, 0); exit($!{{ENOSYS}} ? 1 : 0)'", nix::libc::SYS_clone3),
        ),
        only_inside("dump core", "test $(ulimit -c) != 0 || sh -c 'ulimit -c unlimited'"),
        only_inside("have capabilities", "! grep -q '^CapBnd:.0000000000000000$' /proc/self/status"),
        only_inside("gain privileges", "! grep -q '^NoNewPrivs:.1$' /proc/self/status"),
        only_inside("make system calls unfiltered", "! grep -q '^Seccomp:.2$' /proc/self/status"),
        // Whatever is made to run in there makes its system calls: it can be traced, and its memory written.
        only_inside("find a process without the filter", "! grep -q '^Seccomp:.2$' /proc/1/status"),
        probe(
            "reach the hypervisor",
            format!("{PERL} 'socket(S, {}, SOCK_STREAM, 0); exit($!{{EPERM}} ? 1 : 0)'", nix::libc::AF_VSOCK),
        ),
        only_inside("find open descriptors", "test \"$(ls /proc/self/fd | wc -l)\" != 4"),
        only_inside("mount", "mount -t tmpfs none /tmp"),
        only_inside("write to /usr", "touch /usr/planted || touch /usr/bin/planted"),
        only_inside("write to /etc", "touch /etc/planted || echo x >> /etc/passwd"),
        only_inside("write to / or /home", "touch /planted || touch /home/planted"),
        only_inside("write to /dev", "touch /dev/planted"),
        only_inside("change the kernel's settings", "echo x > /proc/sys/kernel/core_pattern"),
        only_inside("make a device", "mknod /tmp/device b 254 0"),
        only_inside("find a disk", "ls /dev | grep -E '^(sd|vd|nvme|mem|kmem|loop)'"),
        only_inside("type into a terminal", "ls /dev/console || (: < /dev/tty)"),
        only_inside("reach the host's loopback through the gateway", connect("10.0.2.2".parse().unwrap(), port)),
        only_inside("reach the host's loopback through the resolver", connect("10.0.2.3".parse().unwrap(), port)),
        only_inside("reach the metadata service of clouds", route("169.254.169.254")),
        only_inside("reach a blocked network", route("203.0.113.77")),
        only_inside("remove a route", "/usr/sbin/ip route flush type prohibit"),
    ];
    for address in host_addresses() {
        probes.push(probe(&format!("connect to the host at {address}"), connect(address.into(), port)));
        probes.push(probe(&format!("find a way to the host at {address}"), route(&address.to_string())));
    }
    let six = getifaddrs().unwrap().filter_map(|interface| Some(interface.address?.as_sockaddr_in6()?.ip()));
    for address in six.filter(|address| !address.is_loopback() && !address.is_unicast_link_local()) {
        probes.push(probe(&format!("connect to the host at {address}"), connect(address.into(), port6)));
    }
    let sockets = (any, any6, named, hidden);
    Scene { machine, _outside: outside, _sockets: sockets, attacker, victim, probes }
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

#[tokio::test]
async fn probes_succeed_outside_and_are_blocked_inside() {
    let scene = scene().await;
    assert!(scene.probes.len() >= 30);
    let mut unexpected = Vec::new();
    for probe in scene.probes.iter().filter(|probe| probe.control) {
        let output = Command::new("sh").args(["-c", &probe.attack]).output().unwrap();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            unexpected.push(format!("failed outside: {}: {error}", probe.name));
        }
    }
    // What the probes planted outside must not be taken for the attacker's.
    fs::remove_file(scene.machine.data().join("planted")).unwrap();
    fs::remove_file(scene.machine.home(scene.victim).join("planted")).unwrap();

    let script: String = scene
        .probes
        .iter()
        .enumerate()
        .map(|(at, probe)| format!("if ({}) >/dev/null 2>&1; then echo {at}; fi\n", probe.attack))
        .collect();
    let (exit, output) = scene.machine.output(scene.attacker, &format!("{script} echo done")).await;
    assert_eq!(exit.code, Some(0));
    let mut lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.pop(), Some("done"), "{output}");
    unexpected.extend(
        lines.iter().map(|at| format!("succeeded inside: {}", scene.probes[at.parse::<usize>().unwrap()].name)),
    );
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(!scene.machine.data().join("planted").exists());
    assert!(!scene.machine.home(scene.victim).join("planted").exists());
    let (all, compared) = (scene.probes.len(), scene.probes.iter().filter(|probe| probe.control).count());
    assurance::report("sandbox", "probes", &format!("{all}, of which {compared} succeed outside: all blocked inside"));
}

/// Two servers of different workspaces don't share a network, temporary files or memory.
#[tokio::test]
async fn servers_of_two_workspaces_share_nothing() {
    let machine = Machine::new();
    let (one, other) = (Place::new(), Place::new());
    let listen = "echo x > /tmp/from-one; echo x > /dev/shm/from-one; echo x > /run/from-one; \
                  perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(8000, INADDR_ANY)); \
                  listen(S, 5); $| = 1; print \"up\\n\"; sleep 1000'";
    let start = machine.start(one.shell(listen)).await;
    machine.logged(one, "up").await;
    let own = "if (exec 3<>/dev/tcp/127.0.0.1/8000) 2>/dev/null; then echo local; fi";
    let script = format!(
        "ls /tmp /dev/shm /run; bash -c '{own}'; {} && echo reached",
        connect("10.0.2.100".parse().unwrap(), 8000).replace("timeout 5 ", "timeout 2 ") + " 2>/dev/null"
    );
    let (_, output) = machine.output(other, &script).await;
    assert_eq!(output, "/dev/shm:\n\n/run:\n\n/tmp:\n");
    machine.runtime.stop(start).await.unwrap();
}

/// bubblewrap would follow a symlink where it makes a mount point: at no name that a server could plant one.
#[tokio::test]
async fn planted_symlinks_lead_nowhere() {
    let machine = Machine::new();
    let place = Place::new();
    machine.output(place, "mkdir home").await;
    let home = machine.home(place);
    let target = machine.data().join("target");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let names = [
        "bin",
        "sbin",
        "lib",
        "lib64",
        "usr",
        "etc",
        "proc",
        "dev",
        "tmp",
        "run",
        "workspace",
        "root",
        ".vestry",
        ".cache",
        ".config",
    ];
    for folder in [&home, &home.join("home")] {
        for name in names {
            symlink(&target, folder.join(name)).unwrap();
        }
        for name in ["resolv.conf", "passwd"] {
            symlink(target.join("new-file"), folder.join(name)).unwrap();
        }
    }

    let script =
        "for name in * .vestry; do (echo planted > $name/planted) 2>/dev/null && echo $name; done; ls -d /home/*";
    let (_, output) = machine.output(place, script).await;
    assert_eq!(output, "home\n/home/workspace\n", "only the real folder can be written to");
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    // The control: outside, the symlinks do lead there.
    fs::write(home.join("etc/planted"), "").unwrap();
    assert!(target.join("planted").exists());
    let planted = 2 * (names.len() + 2);
    assurance::report("sandbox", "symlinks", &format!("{planted} planted in a home: none led out of the sandbox"));
}

/// A home that is no folder of the workspace's own is not used.
#[tokio::test]
async fn a_home_that_was_replaced_by_a_symlink_is_refused() {
    let machine = Machine::new();
    let (place, other) = (Place::new(), Place::new());
    machine.output(other, "true").await;
    symlink(machine.home(other), machine.home(place)).unwrap();
    assert!(machine.runtime.prepare(place.shell("true")).await.is_err());
    assert_eq!(machine.runs(), 1, "the other's record");
}

/// A perl program that takes hold of a process (`PTRACE_SEIZE`), so that its end is told to nobody but this program,
/// which never listens; then its parent ends with code 7.
fn hold(whom: &str) -> String {
    let (ptrace, seize) = (nix::libc::SYS_ptrace, 0x4206);
    format!(
        "pipe(R, W); if (fork) {{ sysread(R, $_, 1); exit 7 }} \
         syscall({ptrace}, {seize}, {whom}, 0, 0) == 0 or die; \
         syscall({ptrace}, {interrupt}, {whom}, 0, 0) if {whom} == 1; syswrite(W, 1); sleep 1000",
        interrupt = 0x4207
    )
}

/// By holding on to its command, or by stopping the first process of its sandbox, whose work is to say so.
#[tokio::test]
async fn a_program_can_not_hide_its_own_end() {
    let machine = Machine::new();
    for whom in ["getppid()", "1"] {
        let start = machine.start(Place::new().launch(&["perl", "-e", &hold(whom)], base())).await;
        let family = machine.family(start);
        let exit = tokio::time::timeout(PATIENCE, machine.runtime.exited(start)).await;
        assert!(exit.is_ok(), "{whom}: it counts as running");
        gone(&family).await;
    }
    // The control: outside it is hidden, from who only waits for it.
    let mut held = Command::new("perl").args(["-e", &hold("getppid()")]).process_group(0).spawn().unwrap();
    let pid = i32::try_from(held.id()).unwrap();
    until("its end", || !processes().iter().any(|process| process.pid == pid)).await;
    assert!(held.try_wait().unwrap().is_none());
    nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    held.wait().unwrap();
}

/// Tracing one's own children is what debuggers do.
#[tokio::test]
async fn debuggers_work() {
    let machine = Machine::new();
    let (ptrace, seize, interrupt) = (nix::libc::SYS_ptrace, 0x4206, 0x4207);
    let program = format!(
        "$| = 1; $child = fork; if (!$child) {{ sleep 1000 }} \
         syscall({ptrace}, {seize}, $child, 0, 0) == 0 or die $!; \
         syscall({ptrace}, {interrupt}, $child, 0, 0) == 0 or die $!; \
         waitpid($child, 2) == $child or die $!; open(F, \"/proc/$child/stat\"); \
         print((split(/ /, <F>))[2]); kill 9, $child"
    );
    let (_, output) = machine.output(Place::new(), &format!("perl -e '{program}'")).await;
    assert_eq!(output, "t", "the child is stopped by its tracer");
}
