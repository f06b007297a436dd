//! A server's log: `/organizations/{organization}/workspaces/{workspace}/servers/{server}/logs`.

use std::{fs, io::Write, path::PathBuf, time::Duration};

use serde_json::json;
use tokio_stream::StreamExt;

use crate::{
    both,
    support::{House, LAB},
};

/// Adds a server with a log as its supervisor would have written it; the log's file.
async fn server_with_log(house: &House) -> PathBuf {
    let made = house.owner.post(&format!("{LAB}/servers"), json!({ "name": "s", "command": ["true"] })).await;
    let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let folder = house.directory.path().join("logs").join(id);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{:020}.log", 0));
    fs::write(&file, "before\n").unwrap();
    file
}

fn write(file: &PathBuf, line: &str) {
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
}

both! {
    async fn a_followed_log_does_not_go_on_under_a_slug_that_changed_hands(house) {
        let file = server_with_log(&house).await;
        let mut stream = house.collaborator.stream(&format!("{LAB}/servers/s/logs?follow=true")).await;
        let first = stream.next().await.expect("a first piece").unwrap();
        assert!(String::from_utf8_lossy(&first).contains("before"));

        house.owner.delete(&format!("{LAB}/collaborators/{}", house.collaborator.email)).await.expect(204);
        house.owner.patch(LAB, json!({ "slug": "hidden" })).await.expect(200);
        house.collaborator.post("/organizations/acme/workspaces", json!({ "name": "Lab" })).await.expect(201);
        let servers = format!("{LAB}/servers");
        house.collaborator.post(&servers, json!({ "name": "s", "command": ["true"] })).await.expect(201);
        write(&file, "not for everyone\n");

        let rest = async {
            let mut rest = Vec::new();
            while let Some(piece) = stream.next().await {
                rest.extend(piece.unwrap());
            }
            String::from_utf8_lossy(&rest).into_owned()
        };
        let rest = tokio::time::timeout(Duration::from_secs(30), rest).await.expect("the stream ends");
        assert!(!rest.contains("not for everyone"), "{rest}");
    }
}
