//! The tables of refused and warned names.

const SHELL: &str = "shells act on it, so whoever writes it could run code in other people's servers";
const LOADER: &str = "the system's loader acts on it, so whoever writes it could run code in other people's servers";
const OPENED: &str = "programs run what it names, so whoever writes it could run code in other people's servers";
const PLACE: &str = "it tells programs where they are, and every server gets its own";
const LOCALE: &str = "it sets how programs read and print text";
const SSH: &str = "it belongs to a connection of SSH, and points programs at somebody's keys";

/// Vestry's own names, which plain variables can't have either.
pub(crate) const OWN: (&str, &str) = ("VESTRY_*", "names with this beginning are Vestry's own");

/// Names that no secret may have, in any case, with the reason. `*` stands for any rest.
#[rustfmt::skip]
pub(super) const REFUSED: &[(&str, &str)] = &[
    OWN,
    ("LD_*", LOADER), ("DYLD_*", LOADER), ("GLIBC_TUNABLES", LOADER),
    ("LC_*", LOCALE), ("LANG", LOCALE), ("TERM", LOCALE),
    ("XDG_*", PLACE), ("HOME", PLACE), ("USER", PLACE), ("LOGNAME", PLACE), ("PWD", PLACE), ("OLDPWD", PLACE),
    ("TMPDIR", PLACE), ("TMP", PLACE), ("TEMP", PLACE), ("HOSTNAME", PLACE),
    ("PATH", OPENED), ("SHELL", OPENED), ("EDITOR", OPENED), ("VISUAL", OPENED), ("PAGER", OPENED),
    ("IFS", SHELL), ("CDPATH", SHELL), ("ENV", SHELL), ("BASH_ENV", SHELL), ("SHELLOPTS", SHELL),
    ("PROMPT_COMMAND", SHELL), ("_", SHELL),
    ("__*", "names with this beginning belong to the system and to language runtimes"),
    ("SSH_AUTH_SOCK", SSH), ("SSH_CLIENT", SSH), ("SSH_CONNECTION", SSH), ("SSH_TTY", SSH),
];

const INTERPRETER: &str = "are read by the language's interpreter at its start and can change which code runs";

/// Names that are allowed and warned about, in any case, with what they do. `*` stands for any rest.
pub(super) const WARNED: &[(&str, &str)] = &[
    ("GIT_*", "change what git does"),
    ("NODE_OPTIONS", INTERPRETER),
    ("PYTHONPATH", INTERPRETER),
    ("PYTHONSTARTUP", INTERPRETER),
    ("PERL5OPT", INTERPRETER),
    ("RUBYOPT", INTERPRETER),
    ("JAVA_TOOL_OPTIONS", INTERPRETER),
    ("*_PROXY", "send programs' network traffic through another host"),
    ("SSL_CERT_FILE", "change which certificates programs trust"),
    ("KUBERNETES_*", "make programs believe that they run in a Kubernetes cluster"),
    ("OTEL_*", "change where programs send their telemetry"),
];

/// Whether `name` is the pattern or begins or ends like it, in any case. For the tables, `name` is ASCII.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    let (name, pattern_bytes) = (name.as_bytes(), pattern.as_bytes());
    match (pattern_bytes.strip_suffix(b"*"), pattern_bytes.strip_prefix(b"*")) {
        (Some(prefix), _) => name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix),
        (_, Some(suffix)) => {
            name.len() >= suffix.len() && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
        }
        (None, None) => name.eq_ignore_ascii_case(pattern_bytes),
    }
}
