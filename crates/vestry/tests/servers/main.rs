//! Real servers of a real control plane: what their programs get, and what becomes of them.

mod support;

mod environments;
