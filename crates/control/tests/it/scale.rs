//! How often the tests with numbers repeat themselves, and what chance they take.

/// A twentieth of the full number, or all of it where `VESTRY_ASSURANCE` is set.
pub fn count(full: usize) -> usize {
    if switch("VESTRY_ASSURANCE").is_some() { full } else { full.div_ceil(20) }
}

#[expect(clippy::disallowed_methods, reason = "a switch of the tests alone, which have no command line of their own")]
fn switch(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Chance that can be repeated: xorshift64* from a seed that is printed, or given as `VESTRY_SEED`.
pub struct Dice(u64);

impl Dice {
    #[expect(clippy::print_stdout, reason = "libtest shows it beside a failure")]
    pub fn new() -> Self {
        let wished = switch("VESTRY_SEED").and_then(|seed| seed.parse().ok());
        let seed = wished.unwrap_or_else(|| u64::from_le_bytes(control::random::bytes())) | 1;
        println!("repeat with VESTRY_SEED={seed}");
        Self(seed)
    }

    /// A number below a limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits") % limit
    }
}
