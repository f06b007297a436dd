//! Frames on the control plane's asynchronous streams.

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::protocol::{frame_length, length};

pub(super) async fn send(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    send_bytes(stream, &serde_json::to_vec(message)?).await
}

pub(super) async fn send_bytes(stream: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(&length(bytes)?).await?;
    stream.write_all(bytes).await
}

pub(super) async fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let mut bytes = vec![0; frame_length(prefix)?];
    stream.read_exact(&mut bytes).await?;
    Ok(serde_json::from_slice(&bytes)?)
}
