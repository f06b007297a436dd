//! A person's machine, and a control plane: a real one, and one that answers what a test says.

mod installation;
mod machine;
mod stub;

pub(crate) use installation::{Installation, installation, password};
pub(crate) use machine::{Machine, Ran};
pub(crate) use stub::{Answer, Stub};
