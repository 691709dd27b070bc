//! A small response that costs nothing and is passed on once it is complete.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};

use super::upstream_call::{UpstreamResponse, read_up_to, response_headers};
use crate::http::api_response::{ResponseBody, final_error_response, full_body};

/// Size limit of a free response.
const MAX_FREE_BYTES: usize = 1024 * 1024;

/// A complete response that costs nothing.
#[derive(Debug)]
pub(crate) struct CompleteResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl CompleteResponse {
    /// Reads a response to its end within `limit`, or returns an error response.
    pub async fn read(
        incoming: UpstreamResponse,
        limit: Duration,
    ) -> Result<Self, Response<ResponseBody>> {
        let read = read_up_to(incoming.body, MAX_FREE_BYTES);
        let body = tokio::time::timeout(limit, read).await.ok().flatten();
        let cut = || final_error_response(StatusCode::BAD_GATEWAY, "the response was cut short");
        Ok(Self {
            status: incoming.status,
            headers: response_headers(&incoming.headers),
            body: body.ok_or_else(cut)?,
        })
    }

    pub fn into_response(self) -> Response<ResponseBody> {
        let mut response = Response::new(full_body(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
