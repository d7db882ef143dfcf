//! Requests as an enemy would send them: whatever comes, no answer is an error of ours.

use axum::body::Body;
use axum::http::{Method, Request, Uri, header};
use testkit::hostile::withstands;

use crate::support::Api;

/// A request in bytes: method and target in the first line, then the body, which is sent as the
/// token, too.
fn request(bytes: &[u8], token: &str) -> Option<Request<Body>> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let body = bytes.get(line.len() + 1..).unwrap_or_default();
    let at = line.iter().position(|byte| *byte == b' ')?;
    let method = Method::from_bytes(&line[..at]).ok()?;
    let uri = Uri::try_from(&line[at + 1..]).ok()?;
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::CONTENT_TYPE, "application/json");
    let request = if body.starts_with(b"bw_") {
        request.header(header::AUTHORIZATION, [b"Bearer ", body].concat())
    } else {
        request.header(header::AUTHORIZATION, format!("Bearer {token}"))
    };
    request.body(Body::from(body.to_vec())).ok()
}

#[test]
fn no_request_is_answered_with_an_error_of_ours() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let api = Api::new();
    let token = runtime.block_on(api.curator("ada")).token;
    withstands("request", |bytes| {
        let Some(request) = request(bytes, &token) else {
            return;
        };
        let answer = runtime.block_on(api.send(request));
        assert!(!answer.status.is_server_error(), "{answer}");
        if answer.status.is_client_error() {
            assert!(!answer.code().is_empty());
        }
    });
}
