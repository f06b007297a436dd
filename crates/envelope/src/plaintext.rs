use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes that must not be seen: a value on its way into storage or into a server.
///
/// It cannot be printed, cloned or serialized, and its memory is overwritten when it is dropped.
/// Whoever calls [`expose`](Self::expose) answers for where the bytes go.
///
/// The four examples below must not compile; this one, of the same shape, does:
/// ```
/// fn needs<T: std::fmt::Debug + std::fmt::Display + Clone + serde::Serialize>() {}
/// needs::<String>();
/// let _ = envelope::Plaintext::new(Vec::new());
/// ```
/// ```compile_fail
/// fn needs<T: std::fmt::Debug>() {}
/// needs::<envelope::Plaintext>();
/// ```
/// ```compile_fail
/// fn needs<T: std::fmt::Display>() {}
/// needs::<envelope::Plaintext>();
/// ```
/// ```compile_fail
/// fn needs<T: Clone>() {}
/// needs::<envelope::Plaintext>();
/// ```
/// ```compile_fail
/// fn needs<T: serde::Serialize>() {}
/// needs::<envelope::Plaintext>();
/// ```
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Takes the bytes over, without copying them.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be changed where they lie.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        // All that was allocated, as room that nothing is in any more: so it is overwritten at once, not byte by byte.
        self.0.clear();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl ZeroizeOnDrop for Plaintext {}
