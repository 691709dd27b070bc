//! A tunnel: bytes both ways until one side has enough.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::EgressLimits;
use super::hello;
use super::meter::{Meter, Way};
use super::record::Record;

/// Why a tunnel ends that nobody else ended.
const CLOSED: &str = "the door was closed";

/// Carries bytes between the agent and the target, and notes what came of it.
///
/// With `name`, the agent must begin with TLS and ask for that name.
pub(super) async fn run(
    mut agent: impl AsyncRead + AsyncWrite + Unpin,
    mut target: impl AsyncRead + AsyncWrite + Unpin,
    name: Option<&str>,
    record: Record,
    limits: &EgressLimits,
    closing: &CancellationToken,
) {
    if let Some(name) = name {
        let greeted = tokio::select! {
            greeted = hello::read(&mut agent, name) => greeted,
            () = closing.cancelled() => return record.ended(CLOSED),
        };
        match greeted {
            Ok(bytes) => {
                record.meter.add(Way::Up, bytes.len());
                if target.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Err(why) => {
                return record.ended(&why.to_string());
            }
        }
    }
    let why = tokio::select! {
        _ = carry(&mut agent, &mut target, &record.meter) => None,
        spent = record.meter.spent(limits) => Some(spent.to_string()),
        () = closing.cancelled() => Some(CLOSED.to_owned()),
    };
    if let Some(why) = why {
        record.ended(&why);
    }
}

async fn carry(
    agent: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &mut (impl AsyncRead + AsyncWrite + Unpin),
    meter: &Meter,
) -> io::Result<()> {
    let (mut from_agent, mut to_agent) = tokio::io::split(agent);
    let (mut from_target, mut to_target) = tokio::io::split(target);
    tokio::try_join!(
        pump(&mut from_agent, &mut to_target, meter, Way::Up),
        pump(&mut from_target, &mut to_agent, meter, Way::Down),
    )?;
    Ok(())
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    meter: &Meter,
    way: Way,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            // The other way may go on.
            return to.shutdown().await;
        }
        to.write_all(&chunk[..count]).await?;
        meter.add(way, count);
    }
}
