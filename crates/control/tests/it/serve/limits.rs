//! Slow, huge and many requests: who sends them is cut off, and others are answered meanwhile.

use std::{
    io::{Read, Write},
    time::Duration,
};

use control::{Limits, site::Site};
use serde_json::json;

use super::{Served, answer_head, blocking, head, status, wait_for_end};
use crate::{
    both,
    support::{House, LAB},
};

/// Limits that a test does not have to wait for.
fn short() -> Limits {
    Limits { head: Duration::from_millis(300), connections_per_address: 20, ..Limits::default() }
}

async fn served(house: &House, limits: Limits) -> Served {
    Served::with(house, limits, Site::loopback(), None).await
}

both! {
    async fn a_head_that_does_not_end_is_cut_off(house) {
        let served = served(&house, short()).await;
        for sent in ["", "GET", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n", "GET /healthz HTTP/1.1\r\nx-slow: a"] {
            let mut stream = served.connect().await;
            stream.write_all(sent.as_bytes()).unwrap();
            assert!(served.answers_others().await);
            blocking(move || wait_for_end(&mut stream)).await;
        }
        // One that goes on dripping, too: the time is for the whole head.
        let mut stream = served.connect().await;
        let drips = blocking(move || {
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
            let ended = |stream: &mut std::net::TcpStream| matches!(stream.read(&mut [0; 1024]), Ok(0));
            (0..10_000).any(|_| stream.write_all(b"x: y\r\n").is_err() || ended(&mut stream))
        });
        assert!(drips.await, "it was cut off while it dripped");
        served.stop().await;
    }

    async fn a_connection_that_falls_silent_is_closed(house) {
        let served = served(&house, short()).await;
        let mut stream = served.connect().await;
        blocking(move || {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            assert_eq!(status(&mut stream), 200);
            wait_for_end(&mut stream);
        })
        .await;
        served.stop().await;
    }

    async fn a_body_that_stays_out_holds_nobody_up(house) {
        let served = served(&house, short()).await;
        let sign_in = head(&house.anonymous, "POST /api/v1/sessions", "content-length: 1000\r\n");
        let mut slow = Vec::new();
        for _ in 0..10 {
            let mut stream = served.connect().await;
            stream.write_all(sign_in.as_bytes()).unwrap();
            stream.write_all(b"{").unwrap();
            slow.push(stream);
        }
        assert!(served.answers_others().await);
        served.stop().await;
    }

    async fn ten_thousand_headers_are_refused(house) {
        let served = served(&house, Limits::default()).await;
        for (count, length) in [(10_000, 1), (101, 1), (1, 1_000_000)] {
            let mut stream = served.connect().await;
            let answered = blocking(move || {
                let mut head = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n".to_owned();
                head.extend((0..count).map(|number| format!("x-{number}: {}\r\n", "a".repeat(length))));
                // It may be refused before it has all been written.
                let _ = stream.write_all(format!("{head}\r\n").as_bytes());
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
                answer
            })
            .await;
            assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 431"), "{count} {length}: {answered}");
            assert!(served.answers_others().await);
        }
        served.stop().await;
    }

    async fn a_body_of_a_gigabyte_is_cut_off(house) {
        let served = served(&house, Limits::default()).await;
        let secret = "PUT /api/v1/organizations/acme/secrets/HF_TOKEN";
        for actor in [&house.administrator, &house.anonymous] {
            let head = head(actor, secret, "transfer-encoding: chunked\r\n");
            let mut stream = served.connect().await;
            let written = blocking(move || {
                stream.write_all(head.as_bytes()).unwrap();
                let megabyte = [b"100000\r\n".as_slice(), &[b'x'; 1 << 20], b"\r\n"].concat();
                (0..1024).take_while(|_| stream.write_all(&megabyte).is_ok()).count()
            });
            let written = written.await;
            assert!(written < 64, "{written} MiB were taken");
            assert!(served.answers_others().await);
        }
        served.stop().await;
    }

    async fn one_address_does_not_take_every_connection(house) {
        let limits = Limits { connections_per_address: 20, ..Limits::default() };
        let served = served(&house, limits).await;
        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(served.connect().await);
        }
        assert!(served.answers_others().await);
        let refused = blocking(move || {
            let mut refused = 0;
            for mut stream in idle.split_off(20) {
                wait_for_end(&mut stream);
                refused += 1;
            }
            (refused, idle)
        });
        let (refused, mut idle) = refused.await;
        assert_eq!(refused, 180);
        // Those within the limit are as good as any.
        let mut first = idle.remove(0);
        first.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        assert_eq!(blocking(move || status(&mut first)).await, 200);
        served.stop().await;
    }

    async fn whoever_finds_no_place_waits_for_one(house) {
        let limits = Limits { head: Duration::from_millis(300), connections: 3, ..Limits::default() };
        let served = served(&house, limits).await;
        let mut idle = Vec::new();
        for _ in 0..3 {
            idle.push(served.connect().await);
        }
        // The silent ones are closed, and then it is others' turn.
        assert!(served.answers_others().await);
        served.stop().await;
    }

    async fn a_stop_answers_what_is_open_and_ends_streams(house) {
        let wish = json!({ "name": "Web", "command": ["true"] });
        house.owner.post(&format!("{LAB}/servers"), wish).await.expect(201);
        // Longer than the test's patience: what ends, ends by itself.
        let limits = Limits { last_requests: Duration::from_secs(600), ..Limits::default() };
        let served = served(&house, limits).await;
        let logs = format!("GET /api/v1{LAB}/servers/web/logs?follow=true");
        let mut stream = served.connect().await;
        stream.write_all(head(&house.owner, &logs, "").as_bytes()).unwrap();
        let mut stream = blocking(move || {
            assert!(answer_head(&mut stream).contains("text/event-stream"));
            stream
        })
        .await;
        let body = json!({ "name": "Renamed" }).to_string();
        let mut open = served.connect().await;
        let patch = format!("content-length: {}\r\nexpect: 100-continue\r\n", body.len());
        open.write_all(head(&house.administrator, "PATCH /api/v1/organizations/acme", &patch).as_bytes()).unwrap();
        let mut open = blocking(move || {
            // Its turn has come: the body is being waited for.
            assert_eq!(status(&mut open), 100);
            open
        })
        .await;
        let stopped = tokio::spawn(served.stop());
        let last = blocking(move || {
            let mut last = String::new();
            stream.read_to_string(&mut last).unwrap();
            open.write_all(body.as_bytes()).unwrap();
            assert_eq!(status(&mut open), 200);
            wait_for_end(&mut open);
            last
        });
        assert!(last.await.ends_with("0\r\n\r\n"), "the stream ended as streams do");
        stopped.await.unwrap();
    }

    async fn a_stop_does_not_wait_for_ever(house) {
        let limits = Limits { last_requests: Duration::from_millis(300), ..Limits::default() };
        let served = served(&house, limits).await;
        let mut open = served.connect().await;
        let patch = "content-length: 1000\r\nexpect: 100-continue\r\n";
        open.write_all(head(&house.administrator, "PATCH /api/v1/organizations/acme", patch).as_bytes()).unwrap();
        let mut open = blocking(move || {
            assert_eq!(status(&mut open), 100);
            open
        })
        .await;
        served.stop().await;
        blocking(move || wait_for_end(&mut open)).await;
    }
}
