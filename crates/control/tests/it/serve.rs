//! What happens on real connections.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    both,
    support::{Actor, House},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A control plane that listens on loopback until it is told to stop.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(house: &House) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = oneshot::channel::<()>();
        let told = async move { told.await.unwrap_or_default() };
        Self { address, stop, ended: tokio::spawn(control::serve(house.app.clone(), listener, told)) }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// The head of a request with the token of an actor.
fn head(actor: &Actor, line: &str, more: &str) -> String {
    let token = actor.token().map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("{line} HTTP/1.1\r\nhost: localhost\r\n{token}{more}\r\n")
}

/// The status of the next answer; the rest of its head is read, the body isn't.
fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

/// Runs what blocks beside the control plane.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

both! {
    async fn a_refused_body_is_answered_and_not_cut_off(house) {
        let served = Served::start(&house).await;
        let secret = "PUT /api/v1/organizations/acme/secrets/HF_TOKEN";
        let unknown = "PUT /api/v1/organizations/none/secrets/HF_TOKEN";
        let callers = [
            (&house.administrator, secret, 413),
            (&house.anonymous, secret, 401),
            (&house.member, secret, 403),
            (&house.member, unknown, 404),
            (&house.member, "POST /api/v1/nothing", 404),
        ];
        for (actor, line, expected) in callers {
            for size in [600 * 1024, 2 * 1024 * 1024] {
                let head = head(actor, line, &format!("content-length: {size}\r\n"));
                let streams: Vec<_> = (0..50).map(|_| served.connect()).collect();
                let body = vec![b'x'; size];
                blocking(move || {
                    for mut stream in streams {
                        stream.write_all(head.as_bytes()).unwrap();
                        stream.write_all(&body).unwrap();
                        assert_eq!(status(&mut stream), expected);
                    }
                })
                .await;
            }
        }
        served.stop().await;
    }

    async fn who_asks_before_sending_a_refused_body_is_not_asked_for_it(house) {
        let served = Served::start(&house).await;
        let more = "content-length: 600000\r\nexpect: 100-continue\r\n";
        let head = head(&house.anonymous, "PUT /api/v1/organizations/acme/secrets/HF_TOKEN", more);
        let mut stream = served.connect();
        let answered = blocking(move || {
            stream.write_all(head.as_bytes()).unwrap();
            status(&mut stream)
        });
        assert_eq!(answered.await, 401);
        served.stop().await;
    }
}
