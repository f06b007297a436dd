//! Masking: values of secrets in the output of a program, replaced by `‹NAME›`.
//!
//! A courtesy, not a boundary: a program can print a value in forms that nobody lists. The forms are in
//! [`forms`](self::forms); values and lines shorter than [`SHORTEST_MASKED`](crate::SHORTEST_MASKED) are not masked.

mod forms;
mod patterns;

use patterns::Patterns;
use zeroize::Zeroizing;

/// Masks a stream of bytes that arrives in pieces; the result doesn't depend on where it is cut.
///
/// Holds the masking patterns and the bytes it can't decide on yet. Both are zeroized when it is dropped; copies made
/// when the buffer grows, and what the caller holds, are not.
pub struct Masker {
    patterns: Patterns,
    names: Vec<String>,
    /// Bytes not yet decided on.
    held: Zeroizing<Vec<u8>>,
    /// How many bytes at the beginning of `held` belong to a match whose name is already in the output.
    masked: usize,
    /// The name written last, as its place in `names`.
    last: u32,
}

impl Masker {
    /// A masker for these secrets. Of secrets with the same value, the first gives the name.
    pub fn new(secrets: &[(&str, &[u8])]) -> Self {
        let mut collected = Vec::new();
        for (index, (_, value)) in (0..).zip(secrets) {
            forms::each(value, |form| collected.push((form, index)));
        }
        Self {
            patterns: Patterns::new(collected),
            names: secrets.iter().map(|(name, _)| (*name).to_owned()).collect(),
            held: Zeroizing::new(Vec::new()),
            masked: 0,
            last: 0,
        }
    }

    /// Takes the next piece of the stream and appends to `out` all that is certain now.
    ///
    /// What stays back is only an end that could be the beginning of a value.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(chunk);
        self.advance(false, out);
    }

    /// Appends the rest to `out`: the stream ended, or must not wait any longer. A value that only began stays visible.
    /// The masker can be used again for what follows.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.advance(true, out);
    }

    /// Whether something stays back until [`push`](Self::push) or [`finish`](Self::finish) is called again.
    pub fn pending(&self) -> bool {
        !self.held.is_empty()
    }

    /// Decides on the held bytes from the left, up to the first that needs more input to decide on.
    fn advance(&mut self, ended: bool, out: &mut Vec<u8>) {
        // Everything before `done` is in the output, as it was or as a name. Looking goes on inside of matches:
        // a value that begins in one and ends after it must not survive in part.
        let (mut at, mut done) = (0, self.masked);
        while at < self.held.len() {
            let found = self.patterns.look(&self.held[at..]);
            if found.could_grow && !ended {
                break;
            }
            if let Some((length, name)) = found.longest
                && at + length > done
            {
                let overlaps = at < done;
                if !overlaps {
                    out.extend_from_slice(&self.held[done..at]);
                }
                if !overlaps || name != self.last {
                    out.extend_from_slice(format!("‹{}›", self.names[name as usize]).as_bytes());
                }
                self.last = name;
                done = at + length;
            }
            at += 1;
        }
        if at > done {
            out.extend_from_slice(&self.held[done..at]);
            done = at;
        }
        self.held.drain(..at);
        self.masked = done - at;
    }
}

#[cfg(test)]
mod tests;
