//! A control plane that answers what a test says: for answers that the real one never gives.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// What is answered to one method and path.
#[derive(Clone)]
pub(crate) struct Answer {
    request: &'static str,
    status: u16,
    headers: String,
    body: String,
}

/// A control plane in this process. Its threads end with the test's process.
pub(crate) struct Stub {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method and path with query.
    pub(crate) line: String,
    /// Header lines, names in lower case.
    pub(crate) headers: Vec<String>,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// `request` is like `GET /me`, without the API's base path and without a query.
    pub(crate) fn json(request: &'static str, status: u16, body: Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Self { request, status, headers: "content-type: application/json\r\n".to_owned(), body }
    }

    /// A refusal with a code.
    pub(crate) fn problem(request: &'static str, status: u16, code: &str, detail: &str) -> Self {
        let body = serde_json::json!({ "title": "Refused", "status": status, "code": code, "detail": detail });
        Self::json(request, status, body)
    }

    /// Plain text.
    pub(crate) fn text(request: &'static str, body: &str) -> Self {
        Self { request, status: 200, headers: "content-type: text/plain\r\n".to_owned(), body: body.to_owned() }
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }
}

impl Stub {
    /// Begins to answer. Several answers to one request are given one after the other, the last one again and again.
    /// What is not among the answers is not found.
    pub(crate) fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, seen) = (answers.clone(), Arc::clone(&seen));
                thread::spawn(move || serve(&stream.unwrap(), &answers, &seen));
            }
        });
        Self { url, requests }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Everything that was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request of this method and path that was made.
    pub(crate) fn only(&self, line: &str) -> Request {
        let mut found: Vec<_> = self.requests().into_iter().filter(|request| request.line == line).collect();
        assert_eq!(found.len(), 1, "{line} in {:#?}", self.requests());
        found.remove(0)
    }
}

impl Request {
    /// Method and path without query.
    fn path(&self) -> &str {
        self.line.split('?').next().unwrap()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn serve(stream: &TcpStream, answers: &[Answer], seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let path = request.path().to_owned();
        let before = {
            let mut seen = seen.lock().unwrap();
            let same = seen.iter().filter(|earlier| earlier.path() == path).count();
            seen.push(request);
            same
        };
        let missing = Answer::problem("", 404, "not_found", "There is no such thing.");
        let fitting: Vec<&Answer> = answers.iter().filter(|answer| answer.request == path).collect();
        let answer = fitting.get(before).or(fitting.last()).copied().unwrap_or(&missing);
        let Answer { status, headers, body, .. } = answer;
        let text = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        let mut stream = stream;
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
    let (method, rest) = line.split_once(' ')?;
    let line = format!("{method} {}", rest.split(' ').next()?.strip_prefix("/api/v1")?);
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push(format!("{}: {value}", name.to_lowercase()));
    }
    let mut request = Request { line, headers, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}
