//! What a server's process is made of, in one block of bytes: its command and its environment.
//!
//! A sequence of strings that each end with NUL; the first byte of each says what it is (`a` an argument of the command,
//! `p` a plain variable, `s` a secret), the rest is the argument or `NAME=VALUE`.

use std::ffi::CStr;

use envelope::Plaintext;

use crate::environment::Environment;

/// The longest single argument or variable, with its NUL, that Linux hands to a program (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST_STRING: usize = 128 * 1024;

/// Packs the command and the environment; the error says what can't be handed to a program, never a value.
pub(crate) fn pack(command: &[String], environment: &Environment) -> Result<Plaintext, String> {
    if command.first().is_none_or(String::is_empty) {
        return Err("the command is empty".to_owned());
    }
    let arguments = command.iter().map(|argument| (b'a', None, argument.as_bytes()));
    let variables = environment.variables().iter().map(|variable| {
        let tag = if variable.masked { b's' } else { b'p' };
        (tag, Some(variable.name.as_str()), variable.value.expose())
    });
    let parts: Vec<_> = arguments.chain(variables).collect();
    // At its full size from the beginning: growing would leave copies of values behind.
    let mut bytes =
        Vec::with_capacity(parts.iter().map(|(_, name, text)| 3 + name.map_or(0, str::len) + text.len()).sum());
    for (tag, name, text) in parts {
        let what = || name.map_or("an argument of the command".to_owned(), |name| format!("the variable {name}"));
        if name.is_some_and(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(format!("`{}` can't be the name of a variable", name.unwrap_or_default().escape_debug()));
        }
        if text.contains(&0) {
            return Err(format!("{} contains a NUL", what()));
        }
        if text.len() + name.map_or(0, |name| name.len() + 1) >= LONGEST_STRING {
            return Err(format!("{} is not shorter than 128 KiB", what()));
        }
        bytes.push(tag);
        if let Some(name) = name {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
        }
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    Ok(Plaintext::new(bytes))
}

/// A packed command and environment, read where it lies.
pub(crate) struct Parcel<'a> {
    pub(crate) command: Vec<&'a CStr>,
    pub(crate) environment: Vec<&'a CStr>,
    /// Name and value of the secrets.
    pub(crate) secrets: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Parcel<'a> {
    /// `None` if the bytes are no packed command and environment.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut parcel = Self { command: Vec::new(), environment: Vec::new(), secrets: Vec::new() };
        for part in bytes.split_inclusive(|byte| *byte == 0) {
            let (tag, text) = part.split_first()?;
            let text = CStr::from_bytes_with_nul(text).ok()?;
            match tag {
                b'a' => parcel.command.push(text),
                b'p' => parcel.environment.push(text),
                b's' => {
                    parcel.environment.push(text);
                    let equals = text.to_bytes().iter().position(|byte| *byte == b'=')?;
                    let (name, value) = text.to_bytes().split_at(equals);
                    parcel.secrets.push((std::str::from_utf8(name).ok()?, &value[1..]));
                }
                _ => return None,
            }
        }
        (!parcel.command.is_empty()).then_some(parcel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_read_back_in_order() {
        let environment =
            Environment::new().plain("EMPTY", "").secret("KEY", Plaintext::new(b"a=b\nc".to_vec())).plain("LAST", "x");
        let packed = pack(&["sh".to_owned(), String::new()], &environment).ok().unwrap();
        let parcel = Parcel::read(packed.expose()).unwrap();
        assert_eq!(parcel.command, [c"sh", c""]);
        assert_eq!(parcel.environment, [c"EMPTY=", c"KEY=a=b\nc", c"LAST=x"]);
        assert_eq!(parcel.secrets, [("KEY", b"a=b\nc".as_slice())]);
    }

    #[test]
    fn refuses_what_a_program_can_not_get_and_never_says_a_value() {
        let command = ["sh".to_owned()];
        let refused = |environment: Environment| pack(&command, &environment).err().unwrap();
        assert!(pack(&[], &Environment::new()).is_err());
        assert!(pack(&["a\0b".to_owned()], &Environment::new()).is_err());
        assert!(refused(Environment::new().plain("A=B", "x")).contains("A=B"));
        let message = refused(Environment::new().secret("KEY", Plaintext::new(b"hidden\0".to_vec())));
        assert!(message.contains("KEY") && !message.contains("hidden"), "{message}");
        let long = "x".repeat(LONGEST_STRING - "KEY=".len() - 1);
        assert!(pack(&command, &Environment::new().plain("KEY", &long)).is_ok());
        assert!(refused(Environment::new().plain("KEYS", &long)).contains("128 KiB"));
    }

    #[test]
    fn refuses_what_is_no_parcel() {
        for bytes in [b"".as_slice(), b"ash", b"\0", b"xsh\0", b"pA=b\0", b"ash\0sKEY\0"] {
            assert!(Parcel::read(bytes).is_none(), "{bytes:?}");
        }
    }
}
