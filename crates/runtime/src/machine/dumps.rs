use std::fs;

/// What becomes of a process that crashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoreDumps {
    /// Where the kernel puts dumps, as `kernel.core_pattern` says; `None` when that can't be read.
    pub pattern: Option<String>,
    /// The most that a running control plane may leave, as /proc says: `0`, bytes or `unlimited`.
    pub of_control_plane: Option<String>,
}

/// Looks at the machine, and at a control plane if one runs.
pub fn core_dumps(control_plane: Option<u32>) -> CoreDumps {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").ok().map(|text| text.trim().to_owned());
    let limits = control_plane.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/limits")).ok());
    CoreDumps { pattern, of_control_plane: limits.and_then(|limits| largest(&limits)) }
}

/// The hard limit: the soft one could be raised to it.
fn largest(limits: &str) -> Option<String> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_counts() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max stack size            8388608              unlimited            bytes     \n\
            Max core file size        0                    unlimited            bytes     \n";
        assert_eq!(largest(limits).as_deref(), Some("unlimited"));
        assert_eq!(largest("Max stack size 1 2 bytes"), None);
    }
}
