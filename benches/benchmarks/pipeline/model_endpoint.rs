//! The model endpoint of the bare sessions: it finds the session by the path of a request, waits
//! for the thinking time, and sends the next prepared answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::scripted_conversations::ModelAnswer;
use crate::BenchError;

type SessionAnswers = Arc<Mutex<HashMap<String, std::vec::IntoIter<ModelAnswer>>>>;

/// A running endpoint, which ends on drop.
#[derive(Debug)]
pub struct ModelEndpoint {
    port: u16,
    parts: SessionAnswers,
    task: JoinHandle<()>,
}

impl ModelEndpoint {
    /// Starts an endpoint on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self, BenchError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let parts = SessionAnswers::default();
        let task = tokio::spawn(serve(listener, parts.clone()));
        Ok(Self { port, parts, task })
    }

    /// Adds the part of a session and returns its URL.
    pub fn add_session(&self, name: &str, answers: Vec<ModelAnswer>) -> String {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(name.to_owned(), answers.into_iter());
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for ModelEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, parts: SessionAnswers) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, parts.clone()));
    }
}

async fn connection(stream: TcpStream, parts: SessionAnswers) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let parts = parts.clone();
        async move { Ok::<_, Infallible>(answer(request, &parts).await) }
    });
    // A session that ends closes its connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, parts: &SessionAnswers) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let name = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    // The delay starts when the whole request has arrived.
    let _ = request.into_body().collect().await;
    let next = {
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.get_mut(name).and_then(Iterator::next)
    };
    let Some(answer) = next else {
        let mut refusal = Response::new(Full::default());
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return refusal;
    };
    tokio::time::sleep(answer.delay).await;
    let mut response = Response::new(Full::new(answer.body));
    let kind = hyper::header::HeaderValue::from_static("text/event-stream; charset=utf-8");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    response
}
