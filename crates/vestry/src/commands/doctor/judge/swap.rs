use runtime::machine::{Kept, Swap};

use super::{super::report::Verdict, shell};

/// Whether memory, and values in it, may reach a disk as they are.
pub(in super::super) fn judge(observed: &Result<Vec<Swap>, String>) -> Verdict {
    let swaps = match observed {
        Ok(swaps) => swaps,
        Err(why) => return Verdict::unknown(why),
    };
    let of = |kept: Kept| swaps.iter().filter(move |swap| swap.kept == kept);
    let names = |kept| of(kept).map(|swap| swap.path.display().to_string()).collect::<Vec<_>>().join(", ");
    if of(Kept::InTheClear).next().is_some() {
        return Verdict::warning(format!("{} is not encrypted", names(Kept::InTheClear)))
            .because("Values in the memory of servers and of the control plane may be written there and stay. As root:")
            .remedy(of(Kept::InTheClear).map(|swap| format!("swapoff {}", shell(&swap.path))))
            .remedy(["remove its line from /etc/fstab, or encrypt it: see `man crypttab`, option swap"]);
    }
    if of(Kept::Unknown).next().is_some() {
        let places = names(Kept::Unknown);
        return Verdict::unknown(format!("whether {places} is encrypted can't be seen from here; see `lsblk`"));
    }
    match swaps.len() {
        0 => Verdict::ok("there is none"),
        _ => Verdict::ok("memory is swapped only to memory (zram) or to encrypted devices"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Status, *};

    fn verdict(kept: &[Kept]) -> Verdict {
        judge(&Ok(kept.iter().map(|kept| Swap { path: format!("/dev/{kept:?}").into(), kept: *kept }).collect()))
    }

    #[test]
    fn only_what_is_written_as_it_is_matters() {
        assert_eq!(verdict(&[]).status, Status::Ok);
        assert_eq!(verdict(&[Kept::InMemory, Kept::Encrypted]).status, Status::Ok);
        assert_eq!(verdict(&[Kept::InMemory, Kept::Unknown]).status, Status::Unknown);
        let warned = verdict(&[Kept::Unknown, Kept::InTheClear, Kept::InMemory]);
        assert_eq!(warned.status, Status::Warning);
        assert_eq!(warned.remedy[0], "swapoff /dev/InTheClear");
        assert_eq!(judge(&Err("no /proc".into())).status, Status::Unknown);
    }
}
