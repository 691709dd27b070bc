//! A tunnel: bytes in both directions until one side closes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::egress::audit_record::EgressRecord;
use crate::egress::decision::config::EgressLimits;
use crate::egress::proxy::client_hello::{self, ClientHelloError};
use crate::egress::traffic_meter::{TrafficDirection, TrafficMeter};

/// The end reason of a tunnel that neither side closed.
const DOOR_CLOSED: &str = "the door was closed";

/// Carries bytes between the agent and the target, and records why the tunnel ended.
///
/// With `name`, the agent must begin with TLS and ask for that name.
pub(crate) async fn run_tunnel(
    mut agent: impl AsyncRead + AsyncWrite + Unpin,
    mut target: impl AsyncRead + AsyncWrite + Unpin,
    name: Option<&str>,
    record: EgressRecord,
    limits: &EgressLimits,
    closing: &CancellationToken,
) {
    if let Some(name) = name {
        let hello = tokio::select! {
            hello = client_hello::expect_server_name(&mut agent, name) => hello,
            () = closing.cancelled() => return record.set_end_reason(DOOR_CLOSED),
        };
        if !pass_hello(hello, &mut target, &record).await {
            return;
        }
    }
    let why = tokio::select! {
        _ = copy_both_ways(&mut agent, &mut target, &record.meter) => None,
        spent = record.meter.wait_for_limit(limits) => Some(spent.to_string()),
        () = closing.cancelled() => Some(DOOR_CLOSED.to_owned()),
    };
    if let Some(why) = why {
        record.set_end_reason(&why);
    }
}

/// Sends an accepted `ClientHello` to the target; returns whether the tunnel may continue.
async fn pass_hello(
    hello: Result<Vec<u8>, ClientHelloError>,
    target: &mut (impl AsyncWrite + Unpin),
    record: &EgressRecord,
) -> bool {
    match hello {
        Ok(bytes) => {
            record.meter.add(TrafficDirection::Up, bytes.len());
            target.write_all(&bytes).await.is_ok()
        }
        Err(why) => {
            record.set_end_reason(&why.to_string());
            false
        }
    }
}

async fn copy_both_ways(
    agent: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &mut (impl AsyncRead + AsyncWrite + Unpin),
    meter: &TrafficMeter,
) -> io::Result<()> {
    let (mut from_agent, mut to_agent) = tokio::io::split(agent);
    let (mut from_target, mut to_target) = tokio::io::split(target);
    tokio::try_join!(
        copy_metered(&mut from_agent, &mut to_target, meter, TrafficDirection::Up),
        copy_metered(
            &mut from_target,
            &mut to_agent,
            meter,
            TrafficDirection::Down
        ),
    )?;
    Ok(())
}

async fn copy_metered(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    meter: &TrafficMeter,
    way: TrafficDirection,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            // The other direction may continue.
            return to.shutdown().await;
        }
        to.write_all(&chunk[..count]).await?;
        meter.add(way, count);
    }
}
