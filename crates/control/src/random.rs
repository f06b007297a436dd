//! The one door to randomness outside of sealing: the operating system's, through aws-lc.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// Fresh random bytes. Aborts the request by panicking should the operating system have none, which Linux rules out
/// once it has booted.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the kernel's random source answers once the system has booted");
    bytes
}

/// A revision that no row has had before: 128 random bits in hex.
pub fn revision() -> String {
    bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}
