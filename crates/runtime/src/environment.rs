use envelope::Plaintext;

/// What a server's process gets as its environment: every variable, in this order, and nothing else.
///
/// Holds values, so it can't be printed, cloned or serialized; they are zeroized when it is dropped.
#[derive(Default)]
pub struct Environment(Vec<Variable>);

pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Plaintext,
    pub(crate) masked: bool,
}

impl Environment {
    /// An environment without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable whose value is no secret. Names must be distinct.
    #[must_use]
    pub fn plain(mut self, name: impl Into<String>, value: &str) -> Self {
        let value = Plaintext::new(value.as_bytes().to_vec());
        self.0.push(Variable { name: name.into(), value, masked: false });
        self
    }

    /// Adds a secret: its value is masked in the server's log. Names must be distinct.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: Plaintext) -> Self {
        self.0.push(Variable { name: name.into(), value, masked: true });
        self
    }

    /// Gives a variable that is there another value.
    pub(crate) fn replace(mut self, name: &str, value: &str) -> Self {
        for variable in self.0.iter_mut().filter(|variable| variable.name == name) {
            variable.value = Plaintext::new(value.as_bytes().to_vec());
        }
        self
    }

    pub(crate) fn variables(&self) -> &[Variable] {
        &self.0
    }
}
