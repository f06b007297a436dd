//! What a form sends: `application/x-www-form-urlencoded`, as HTML (4.10.21) says.

use axum::extract::{FromRequest, Request};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    http::{body, fields::MOST_SELECTED},
};

/// The largest form: as many workspaces as can be selected, of 40 letters each, beside a value.
const LARGEST_KIB: usize = 1024;

/// The largest form with a file of 1 MiB, which takes up to three times as much once it is written for an address.
const LARGEST_WITH_FILE_KIB: usize = 4 * 1024;

/// The most fields of a form: each takes room of its own, however short it is.
const MOST_FIELDS: usize = MOST_SELECTED + 100;

/// The fields of a form, in their order. What is taken out is erased once it is dropped, and so is the rest.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

/// A form that a whole file may be pasted into.
pub(super) struct FormWithFile(pub(super) Form);

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

    async fn read(request: Request, limit_kib: usize) -> Result<Self> {
        let bytes = body::read(request, limit_kib).await?;
        if bytes.iter().filter(|byte| **byte == b'&').count() >= MOST_FIELDS {
            return Err(Error::invalid("form", "form", format!("The form has more than {MOST_FIELDS} fields.")));
        }
        Self::parse(&bytes).ok_or_else(|| Error::invalid("form", "form", "The form holds something that is no text."))
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

/// Undoes `+` and `%XX`; `None` for what is no text, or holds a NUL, which nobody types and PostgreSQL does not take.
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
    let text = std::str::from_utf8(&text).ok().filter(|text| !text.contains('\0'));
    text.map(|text| Zeroizing::new(text.to_owned()))
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        Self::read(request, LARGEST_KIB).await
    }
}

impl<S: Sync> FromRequest<S> for FormWithFile {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        Form::read(request, LARGEST_WITH_FILE_KIB).await.map(Self)
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

    #[tokio::test]
    async fn a_form_is_bounded_in_size_and_in_fields() {
        let sent = |text: String| Request::new(axum::body::Body::from(text));
        let fields = |count: usize| sent(vec!["a"; count].join("&"));
        assert!(Form::from_request(fields(MOST_FIELDS), &()).await.is_ok());
        assert!(matches!(Form::from_request(fields(MOST_FIELDS + 1), &()).await, Err(Error::Invalid(_))));
        let text = |kib: usize| sent(format!("a={}", "x".repeat(kib * 1024 - 2)));
        assert!(Form::from_request(text(LARGEST_KIB), &()).await.is_ok());
        assert!(matches!(Form::from_request(text(LARGEST_KIB + 1), &()).await, Err(Error::TooLarge { .. })));
        assert!(FormWithFile::from_request(text(LARGEST_KIB + 1), &()).await.is_ok());
        assert!(FormWithFile::from_request(text(LARGEST_WITH_FILE_KIB + 1), &()).await.is_err());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for sent in [&b"a=%FF"[..], b"a=%", b"a=%4", b"a=%zz", b"%c3=a", b"a=\xff", b"a=b%00"] {
            assert!(Form::parse(sent).is_none(), "{sent:?}");
        }
    }
}
