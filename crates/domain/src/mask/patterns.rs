use zeroize::Zeroizing;

use crate::SHORTEST_MASKED;

/// How many first bytes of a pattern decide whether it is worth a search.
const BEGINNING: usize = 4;
const _: () = assert!(BEGINNING <= SHORTEST_MASKED);

/// Patterns, each with the place of its secret's name, sorted by their bytes.
///
/// A sorted list and not an Aho-Corasick automaton: an automaton needs about 16 bytes of memory for each byte of a
/// pattern and leaves copies of the patterns that nobody zeroizes; this needs one for one.
pub(super) struct Patterns {
    sorted: Vec<Pattern>,
    /// One bit for each hash of the first bytes of a pattern. Nearly every position of a log ends here.
    beginnings: Box<[u64; 1024]>,
}

struct Pattern {
    bytes: Zeroizing<Box<[u8]>>,
    name: u32,
    /// The longest other pattern that this one begins with.
    prefix: Option<u32>,
}

/// What the patterns say about a text.
pub(super) struct Found {
    /// The longest pattern that the text begins with: its length in bytes, the place of its name.
    pub(super) longest: Option<(usize, u32)>,
    /// Whether the whole text is the beginning of a longer pattern, so that more text can change `longest`.
    pub(super) could_grow: bool,
}

impl Patterns {
    /// Patterns of at least [`SHORTEST_MASKED`] bytes. Of equal ones the one with the lowest name is taken.
    pub(super) fn new(mut patterns: Vec<(Zeroizing<Box<[u8]>>, u32)>) -> Self {
        patterns.sort_unstable_by(|a, b| (a.0.as_ref(), a.1).cmp(&(b.0.as_ref(), b.1)));
        patterns.dedup_by(|later, first| later.0.as_ref() == first.0.as_ref());
        let mut beginnings = Box::new([0; 1024]);
        let mut sorted: Vec<Pattern> = Vec::with_capacity(patterns.len());
        for (bytes, name) in patterns {
            debug_assert!(bytes.len() >= SHORTEST_MASKED);
            let (word, bit) = place(&bytes);
            beginnings[word] |= bit;
            // In sorted order what a pattern begins with is the one before it, or what that one begins with, or …
            let mut prefix = sorted.len().checked_sub(1);
            while let Some(index) = prefix
                && !bytes.starts_with(&sorted[index].bytes)
            {
                prefix = sorted[index].prefix.map(|index| index as usize);
            }
            sorted.push(Pattern { bytes, name, prefix: prefix.map(|index| index as u32) });
        }
        Self { sorted, beginnings }
    }

    /// What the patterns say about this text, which is not empty.
    pub(super) fn look(&self, text: &[u8]) -> Found {
        let nothing = Found { longest: None, could_grow: false };
        if text.len() >= BEGINNING {
            let (word, bit) = place(text);
            if self.beginnings[word] & bit == 0 {
                return nothing;
            }
        }
        let after = self.sorted.partition_point(|pattern| pattern.bytes.as_ref() <= text);
        let could_grow = self.sorted.get(after).is_some_and(|pattern| pattern.bytes.starts_with(text));
        // The patterns that a text begins with sort before it, and each between one of them and the text begins with
        // that one: so they are all among the prefixes of the last pattern before the text.
        let mut candidate = self.sorted[..after].last();
        while let Some(pattern) = candidate {
            if text.starts_with(&pattern.bytes) {
                return Found { longest: Some((pattern.bytes.len(), pattern.name)), could_grow };
            }
            candidate = pattern.prefix.map(|index| &self.sorted[index as usize]);
        }
        Found { could_grow, ..nothing }
    }

    /// The memory of the patterns on the heap, in bytes, without what the allocator adds.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let bytes: usize = self.sorted.iter().map(|pattern| pattern.bytes.len()).sum();
        bytes + self.sorted.capacity() * size_of::<Pattern>() + size_of_val(&*self.beginnings)
    }
}

/// The word and bit of `beginnings` for a text of at least [`BEGINNING`] bytes: a multiplicative hash.
fn place(text: &[u8]) -> (usize, u64) {
    let first = u32::from_le_bytes([text[0], text[1], text[2], text[3]]);
    let hash = first.wrapping_mul(0x9E37_79B1) >> 16;
    ((hash >> 6) as usize, 1 << (hash & 63))
}
