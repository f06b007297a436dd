//! "Did you mean …?"

/// The fewest letters by which a name can be known from its beginning.
const LEAST_BEGINNING: usize = 3;

/// The candidate that a mistyped name most likely meant, if one is near enough or begins with it. Never what was typed
/// itself.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = typed.to_lowercase().chars().collect();
    let allowed = (wanted.len() / 3).max(1);
    let candidates: Vec<&str> = candidates.into_iter().filter(|candidate| *candidate != typed).collect();
    let near = candidates
        .iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase().chars().collect::<Vec<_>>()), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    let begun = |candidate: &&&str| candidate.to_lowercase().starts_with(&typed.to_lowercase());
    let longer = || candidates.iter().filter(begun).min_by_key(|candidate| candidate.len()).copied();
    near.or_else(|| if wanted.len() >= LEAST_BEGINNING { longer() } else { None })
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one word to the other (the optimal
/// string alignment distance).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_and_a_stranger_finds_none() {
        let names = ["OPENAI_API_KEY", "HF_TOKEN", "DATABASE_URL"];
        assert_eq!(nearest("OPENAI_API_KYE", names), Some("OPENAI_API_KEY"));
        assert_eq!(nearest("hf_token", names), Some("HF_TOKEN"));
        assert_eq!(nearest("HF_TOKN", names), Some("HF_TOKEN"));
        assert_eq!(nearest("AWS_SECRET", names), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("HF_TOKEN", names), None);
    }

    #[test]
    fn a_beginning_finds_the_shortest_name_with_it() {
        let names = ["OPENAI_API_KEY_OLD", "OPENAI_API_KEY", "HF_TOKEN"];
        assert_eq!(nearest("openai", names), Some("OPENAI_API_KEY"));
        assert_eq!(nearest("HF", names), None);
    }

    #[test]
    fn the_nearest_of_several_wins() {
        assert_eq!(nearest("jupiter", ["jupyter-2", "jupyter"]), Some("jupyter"));
    }
}
