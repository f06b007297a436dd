//! What bubblewrap is told to make.

use std::{
    fs,
    io::{self, Seek, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::{HOME, Network, settings::SHOWN_PATHS, shim::seccomp};

/// What a server may read of the host's `/etc`: how to find libraries, trusted certificates, the time zone.
const SHOWN_IN_ETC: &[&str] = &[
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

/// What a server finds in its own `/etc`, besides its resolver.
const ETC: &[(&str, &str)] = &[
    (
        "/etc/passwd",
        "root:x:0:0:root:/:/usr/sbin/nologin\n\
         workspace:x:1000:1000::/home/workspace:/bin/bash\n\
         nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\nworkspace:x:1000:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost workspace\n::1 localhost\n"),
    ("/etc/hostname", "workspace\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];

/// The options, and the descriptors they name: all of them must reach bubblewrap.
pub(super) struct Options {
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Options {
    fn add<'a>(&mut self, words: impl IntoIterator<Item = &'a [u8]>) {
        for word in words {
            self.bytes.extend_from_slice(word);
            self.bytes.push(0);
        }
    }

    fn path(&mut self, option: &str, from: &Path, to: &Path) {
        self.add([option.as_bytes(), from.as_os_str().as_bytes(), to.as_os_str().as_bytes()]);
    }

    fn words(&mut self, line: &str) {
        self.add(line.split(' ').map(str::as_bytes));
    }

    fn file(&mut self, path: &str, content: &str) -> io::Result<()> {
        let file = memory_file("etc", content.as_bytes())?;
        self.words(&format!("--perms 0444 --file {} {path}", file.as_raw_fd()));
        self.descriptors.push(file);
        Ok(())
    }

    /// The descriptor with the options for `--args`, and the descriptors that they name.
    pub(super) fn into_descriptors(self) -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
        Ok((memory_file("options", &self.bytes)?, self.descriptors))
    }
}

/// The options of one sandbox. `home` is the workspace's folder as bubblewrap will see it; `None` gives an empty one.
/// `resolver` is the content of `/etc/resolv.conf`.
///
/// The home is the last thing mounted and nothing is mounted below it: bubblewrap would follow a symlink that a server
/// left there.
pub(super) fn options(
    network: Network,
    read_only: &[PathBuf],
    home: Option<&Path>,
    resolver: &str,
) -> io::Result<Options> {
    let mut options = Options { bytes: Vec::new(), descriptors: Vec::new() };
    options.words("--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try --disable-userns");
    if network == Network::None {
        options.words("--unshare-net");
    }
    for filter in seccomp::of_the_sandbox().map_err(io::Error::other)? {
        let file = memory_file("filter", &filter)?;
        options.words(&format!("--add-seccomp-fd {}", file.as_raw_fd()));
        options.descriptors.push(file);
    }
    options.words("--uid 1000 --gid 1000 --hostname workspace --new-session --cap-drop ALL --clearenv");
    for path in SHOWN_PATHS.iter().map(Path::new) {
        match fs::read_link(path) {
            Ok(target) => options.path("--symlink", &target, path),
            Err(_) if path.is_dir() => options.path("--ro-bind", path, path),
            Err(_) => {}
        }
    }
    for path in SHOWN_IN_ETC.iter().map(Path::new) {
        options.path("--ro-bind-try", path, path);
    }
    for (path, content) in ETC {
        options.file(path, content)?;
    }
    options.file("/etc/resolv.conf", resolver)?;
    for path in read_only {
        options.path("--ro-bind-try", path, path);
    }
    options.words("--proc /proc --dev /dev --tmpfs /dev/shm --remount-ro /dev --tmpfs /run --perms 1777 --tmpfs /tmp");
    match home {
        Some(home) => options.path("--bind", home, Path::new(HOME)),
        None => options.words(&format!("--tmpfs {HOME}")),
    }
    options.words(&format!("--remount-ro / --chdir {HOME}"));
    Ok(options)
}

/// A file that is nowhere but in memory, to be read from its beginning.
pub(super) fn memory_file(name: &str, content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = fs::File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}
