//! The system calls that a server's processes can't make. What the sandbox takes away already, this takes away again,
//! and it removes parts of the kernel that a server has no use for and attackers do.
//!
//! Most filters are set by bubblewrap, for the first process of the sandbox too: a server may trace that one, and make
//! it call what it can't call itself. What would keep the shim from checking its confinement, the shim sets after that.

use std::collections::BTreeMap;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, sock_filter,
};

/// Refused with EPERM, whatever the arguments.
const DENIED: &[c_long] = &[
    // The kernel's keyrings are not divided by namespaces.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_syslog,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
];

/// Flags of `clone` and `unshare` that make a namespace.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// `CLONE_NEWTIME`; `clone` uses the bit for the signal at exit, so it counts for `unshare` only.
const CLONE_NEWTIME: libc::c_int = 0x80;

/// Requests of `ioctl` that put input into a terminal.
const TERMINAL_INPUT: &[libc::c_ulong] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// Sets the shim's filters for this process and all that come from it. Needs NoNewPrivs.
pub(super) fn apply() -> Result<(), seccompiler::Error> {
    let flags = |flags: &[libc::c_int]| flags.iter().map(|flag| bit(0, *flag as u64)).collect::<Result<Vec<_>, _>>();
    let denied = BTreeMap::from([
        (libc::SYS_clone, flags(NAMESPACES)?),
        (libc::SYS_unshare, flags(&[NAMESPACES, &[CLONE_NEWTIME]].concat())?),
    ]);
    // Its flags are in memory, where a filter can't look. Told that it doesn't exist, libraries use clone instead.
    let missing = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for program in [filter(denied, libc::EPERM)?, filter(missing, libc::ENOSYS)?] {
        apply_filter(&program)?;
    }
    Ok(())
}

/// The filters of the whole sandbox, each as the kernel takes it (`struct sock_filter`s, seccomp(2)).
pub(crate) fn of_the_sandbox() -> Result<Vec<Vec<u8>>, seccompiler::Error> {
    let mut denied: BTreeMap<c_long, Vec<SeccompRule>> = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let requests = TERMINAL_INPUT.iter().map(|request| equals(1, *request)).collect::<Result<Vec<_>, _>>()?;
    denied.insert(libc::SYS_ioctl, requests);
    // Past the network namespace, to the hypervisor and its other guests.
    let vsock = equals(0, libc::AF_VSOCK as u64)?;
    denied.insert(libc::SYS_socket, vec![vsock]);
    let filters = [
        filter(denied, libc::EPERM)?,
        #[cfg(target_arch = "x86_64")]
        without_x32(),
    ];
    Ok(filters.iter().map(bytes).collect())
}

fn bytes(program: &BpfProgram) -> Vec<u8> {
    let step = |step: &sock_filter| {
        let ([a, b], [e, f, g, h]) = (step.code.to_ne_bytes(), step.k.to_ne_bytes());
        [a, b, step.jt, step.jf, e, f, g, h]
    };
    program.iter().flat_map(step).collect()
}

fn filter(rules: BTreeMap<c_long, Vec<SeccompRule>>, errno: libc::c_int) -> Result<BpfProgram, seccompiler::Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(errno as u32);
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()?)
}

fn bit(argument: u8, flag: u64) -> Result<SeccompRule, seccompiler::Error> {
    let masked = SeccompCmpOp::MaskedEq(flag);
    Ok(SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, masked, flag)?])?)
}

/// Compares the lower half only, as the kernel does with the request of an `ioctl`.
fn equals(argument: u8, value: u64) -> Result<SeccompRule, seccompiler::Error> {
    Ok(SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?])?)
}

/// Refuses the x32 calls: the same calls as above under other numbers, past every rule for the usual ones.
#[cfg(target_arch = "x86_64")]
fn without_x32() -> BpfProgram {
    const X32_SYSCALL_BIT: u32 = 0x4000_0000;
    let step = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    vec![
        // The number of the call is the first field of what a filter sees (`struct seccomp_data`, seccomp(2)).
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32_SYSCALL_BIT),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}
