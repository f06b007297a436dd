//! What tests with numbers share: how large they are, what chance they take, and where they report.
//!
//! `make test` runs each at a twentieth. `make assurance` sets `VESTRY_ASSURANCE` to a file: then each runs at its full
//! size and adds a line to that file, from which docs/assurance.md is written.

use std::{
    collections::hash_map::RandomState,
    env,
    fs::OpenOptions,
    hash::{BuildHasher, Hasher},
    io::Write,
    sync::OnceLock,
};

/// How many rounds a test makes: the full number under `make assurance`, otherwise a twentieth of it, at least one.
pub fn count(full: usize) -> usize {
    if report_file().is_some() { full } else { full.div_ceil(20) }
}

/// The same with a number of its own for `make test`, where a twentieth would take too long.
pub fn count_or(full: usize, otherwise: usize) -> usize {
    if report_file().is_some() { full } else { otherwise }
}

/// Reports what a test did, once it has passed: the row of the report, which database or part it was about, and what was
/// done with its numbers, such as `500 kills, 8,211 acknowledged writes: 0 lost, 0 half`. One line each, without tabs.
///
/// Does nothing under `make test`.
///
/// # Panics
/// When the report can't be written, or a text has a tab or a line's end.
pub fn report(row: &str, about: &str, done: &str) {
    let Some(path) = report_file() else { return };
    let line = format!("{row}\t{about}\t{done}\n");
    assert!(line.matches(['\t', '\n']).count() == 3, "one line, two tabs: {line:?}");
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the report of `make assurance` is written");
}

fn report_file() -> Option<&'static str> {
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    FILE.get_or_init(|| switch("VESTRY_ASSURANCE")).as_deref()
}

#[expect(clippy::disallowed_methods, reason = "switches of the tests alone, which have no command line of their own")]
fn switch(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014), good enough to choose what to break.
pub struct Dice(u64);

impl Dice {
    /// Dice of one test. Its name and the run's seed decide how they fall; the seed is printed, and `VESTRY_SEED` repeats
    /// it.
    ///
    /// # Panics
    /// When `VESTRY_SEED` is no number.
    #[expect(clippy::print_stdout, reason = "libtest shows it beside a failure")]
    pub fn of(test: &str) -> Self {
        static SEED: OnceLock<u64> = OnceLock::new();
        let seed = *SEED.get_or_init(|| match switch("VESTRY_SEED") {
            Some(seed) => seed.parse().expect("VESTRY_SEED is a number"),
            None => RandomState::new().build_hasher().finish(),
        });
        println!("{test}: repeat with VESTRY_SEED={seed}");
        Self(test.bytes().fold(seed, |state, byte| mix(state ^ u64::from(byte))))
    }

    /// A number below a limit.
    ///
    /// # Panics
    /// When the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.0) % limit as u64) as usize
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
