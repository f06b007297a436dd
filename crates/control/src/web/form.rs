//! What a form sends: `application/x-www-form-urlencoded`, as HTML (4.10.21) says.

use axum::extract::{FromRequest, Request};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    http::body,
};

/// The largest form: a file of 1 MiB to import may take three times as much once it is written for an address.
const LIMIT_KIB: usize = 3 * 1024 + 64;

/// The fields of a form, in their order. What is taken out is erased once it is dropped, and so is the rest.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// The text of a field; empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_default()
    }

    /// The text of a field without the blanks around it; `None` where nothing is left.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        let text = self.text(name);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Every text of a field that may stand more than once.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(field, _)| field == name).map(|(_, text)| text.to_string()).collect()
    }

    /// Whether a box is ticked or a button was pressed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Takes a secret field out. Browsers send every end of a line as CR LF, whatever was typed or pasted: it is LF again.
    pub(super) fn secret(&mut self, name: &str) -> Zeroizing<String> {
        let at = self.0.iter().position(|(field, _)| field == name);
        let text = at.map(|at| self.0.swap_remove(at).1).unwrap_or_default();
        Zeroizing::new(text.replace("\r\n", "\n"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let read = pairs.map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, text) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
            Some((decode(name)?.to_string(), decode(text)?))
        });
        read.collect::<Option<_>>().map(Self)
    }
}

/// Undoes `+` and `%XX`; `None` for what is no text.
fn decode(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            byte => byte,
        });
    }
    std::str::from_utf8(&text).ok().map(|text| Zeroizing::new(text.to_owned()))
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let bytes = body::read(request, LIMIT_KIB).await?;
        Self::parse(&bytes).ok_or_else(|| Error::invalid("form", "form", "The form holds something that is no text."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let mut form = Form::parse(b"name=API_KEY&value=a+b%2B%0D%0Ac%C3%A9&workspaces=x&workspaces=y&on").unwrap();
        assert_eq!(form.text("name"), "API_KEY");
        assert_eq!(form.all("workspaces"), ["x", "y"]);
        assert!(form.has("on") && !form.has("off"));
        assert_eq!(*form.secret("value"), "a b+\ncé");
        assert!(!form.has("value"));
        assert_eq!(form.given("missing"), None);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for sent in [&b"a=%FF"[..], b"a=%", b"a=%4", b"a=%zz", b"%c3=a", b"a=\xff"] {
            assert!(Form::parse(sent).is_none(), "{sent:?}");
        }
    }
}
