//! A page's tags and forms, read as a browser would.

/// A tag with its attributes, as they stand there.
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

/// A form with the fields that it would send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    pub method: String,
    pub action: String,
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    pub name: String,
    /// As `type` says, or the tag's name.
    pub kind: String,
    pub text: String,
}

impl Field {
    /// Whether people type into it.
    pub fn is_typed(&self) -> bool {
        ["text", "search", "email", "password", "textarea", "date"].contains(&self.kind.as_str())
    }
}

/// Every opening tag. The text between them is passed over, as are comments and closing tags.
pub fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let (tag, after) = tag(rest);
            tags.push(tag);
            rest = after;
        }
    }
    tags
}

fn tag(text: &str) -> (Tag, &str) {
    let is_end = |letter: char| letter.is_whitespace() || letter == '>' || letter == '/';
    let (name, mut rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return (Tag { name: name.to_lowercase(), attributes }, rest);
        }
        let end = rest.find(|letter: char| is_end(letter) || letter == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end.max(1));
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(after) => match after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) {
                Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                None => after.split_at(after.find(is_end).unwrap_or(after.len())),
            },
        };
        attributes.push((name.to_lowercase(), text_of(value)));
        rest = after;
    }
}

/// Undoes what templates write for the characters of HTML.
pub fn text_of(html: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">")];
    let text = pairs.iter().fold(html.to_owned(), |text, (written, meant)| text.replace(written, meant));
    text.replace("&#38;", "&").replace("&amp;", "&")
}

/// The forms of a page. What a text area holds is not read.
pub fn forms(page: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    for tag in tags(page) {
        let text = |name: &str| tag.get(name).unwrap_or_default().to_owned();
        match (tag.name.as_str(), forms.last_mut()) {
            ("form", _) => {
                forms.push(Form { method: text("method").to_lowercase(), action: text("action"), fields: Vec::new() });
            }
            ("input" | "textarea" | "select" | "button", Some(form)) if tag.get("name").is_some() => {
                let kind = match (tag.name.as_str(), tag.get("type")) {
                    ("input", Some(kind)) => kind.to_owned(),
                    ("input", None) => "text".to_owned(),
                    (other, _) => other.to_owned(),
                };
                form.fields.push(Field { name: text("name"), kind, text: text("value") });
            }
            _ => {}
        }
    }
    forms
}

#[test]
fn tags_and_forms_are_read_as_they_stand() {
    let page = r#"<!doctype html><p class='a>b' hidden data-x=1>1 < 2</p><form method="post" action="/a?b&amp;c">
        <input name="q" value="&#34;&#60;x"><textarea name="text">x</textarea><button name=do value=it></form><img/onx=1>"#;
    let names: Vec<(String, Vec<String>)> = tags(page)
        .into_iter()
        .map(|tag| (tag.name, tag.attributes.into_iter().map(|(name, _)| name).collect()))
        .collect();
    assert_eq!(names[0], ("p".to_owned(), vec!["class".to_owned(), "hidden".to_owned(), "data-x".to_owned()]));
    assert_eq!(names.last().unwrap(), &("img".to_owned(), vec!["onx".to_owned()]));
    let [form] = &forms(page)[..] else { panic!("one form") };
    assert_eq!((form.method.as_str(), form.action.as_str()), ("post", "/a?b&c"));
    let fields: Vec<(&str, &str, &str)> =
        form.fields.iter().map(|field| (field.name.as_str(), field.kind.as_str(), field.text.as_str())).collect();
    assert_eq!(fields, [("q", "text", "\"<x"), ("text", "textarea", ""), ("do", "button", "it")]);
}
