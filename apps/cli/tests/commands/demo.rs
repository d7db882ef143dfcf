//! `bellwether demo` where there is no Bellwether to play with; the flow itself is played by
//! `scripts/up --demo`, against all processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use crate::program::bellwether;

/// Answers the first request with this response, and closes.
fn server_that_answers(response: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            request.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        request.read_exact(&mut vec![0; length]).unwrap();
        stream.write_all(response.as_bytes()).unwrap();
    });
    url
}

fn response(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

/// The sentence that the demo fails with.
#[track_caller]
fn failure(arguments: &[&str]) -> String {
    let ran = bellwether(&[&["demo"], arguments].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!ran.stdout.contains('✓'), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    ran.stderr.trim_end().to_owned()
}

#[test]
fn a_server_that_is_not_there_is_one_sentence() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for json in [&[][..], &["--json"]] {
        let sentence = failure(&[&["--url", url.as_str()], json].concat());
        assert!(
            sentence.starts_with(&format!("error: nothing answers at {url}/: ")),
            "{sentence}"
        );
        assert!(sentence.contains("refused"), "{sentence}");
        assert!(
            sentence.ends_with("start Bellwether with scripts/up, or say where it is with --url"),
            "{sentence}"
        );
    }
}

#[test]
fn a_problem_is_passed_on_with_its_detail() {
    let problem = r#"{"type": "/problems/invalid-body", "title": "The body is not valid",
        "status": 400, "detail": "the body is not of the form expected",
        "errors": [{"pointer": "/handle", "detail": "is required"}], "traceId": "4bf92f"}"#;
    let answer = response("400 Bad Request", "application/problem+json", problem);
    let url = server_that_answers(answer);
    assert_eq!(
        failure(&["--url", &url]),
        "error: POST /v1/curators was answered with 400 Bad Request: \
         the body is not of the form expected; /handle is required (trace 4bf92f)"
    );
}

#[test]
fn another_server_is_noticed() {
    let url = server_that_answers(response("404 Not Found", "text/html", "<h1>No</h1>"));
    assert_eq!(
        failure(&["--url", &url]),
        format!(
            "error: POST /v1/curators was answered with 404 Not Found and no reason; \
             is Bellwether's web process at {url}/?"
        )
    );
    let url = server_that_answers(response("201 Created", "application/json", "[1]"));
    let sentence = failure(&["--url", &url]);
    assert!(
        sentence.starts_with("error: POST /v1/curators was answered with something unexpected: "),
        "{sentence}"
    );
}

#[test]
fn bookmarks_that_can_not_be_used_are_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bookmarks.html");
    let path = file.to_str().unwrap();
    let sentence = failure(&["--bookmarks", path]);
    assert!(
        sentence.starts_with(&format!("error: the bookmarks {path} can't be read: ")),
        "{sentence}"
    );
    std::fs::write(&file, "<DT><A HREF='javascript:void(0)'>Nothing</A>").unwrap();
    assert_eq!(
        failure(&["--bookmarks", path]),
        format!("error: {path} has no link that can be saved")
    );
}
