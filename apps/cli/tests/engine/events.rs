//! `bellwether events tail`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Bench;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn events_are_told_from_the_start_and_from_a_cursor() {
    let bench = Bench::new().await;
    bench.add(&["q", "a", "--delay", "1h"]);
    bench.text(&["queue", "pause", "q"]);
    let tail = ["events", "tail", "q", "--from"];
    let told = bench.text(&[&tail[..], &["start", "--limit", "3", "--json"]].concat());
    let told = lines(&told);
    let names: Vec<_> = told.iter().map(|event| event["event"].clone()).collect();
    assert_eq!(names, ["added", "delayed", "paused"]);
    assert_eq!(told[0]["jobId"], "1");
    assert_eq!(told[0]["name"], "a");

    let cursor = told[1]["cursor"].as_str().unwrap();
    let rest = bench.text(&[&tail[..], &[cursor, "--limit", "1", "--json"]].concat());
    assert_eq!(lines(&rest), told[2..]);
    let mut settings = bench.settled();
    settings.add_filter(r"\d{13}-\d+", "[cursor]");
    settings.add_filter(r"delay=\d{13}", "delay=[due]");
    settings.bind(|| {
        let text = bench.text(&[&tail[..], &["start", "--limit", "3"]].concat());
        insta::assert_snapshot!(text, @"
        [cursor]  added              1  name=a
        [cursor]  delayed            1  delay=[due]
        [cursor]  paused
        ");
    });
    bench.refusal(&[&tail[..], &["yesterday"]].concat());
}

#[tokio::test]
async fn a_tail_goes_on_until_it_is_told_to_stop() {
    let bench = Bench::new().await;
    bench.add(&["q", "before"]);
    let mut tail = bench.start(&["events", "tail", "q", "--from", "start", "--json"]);
    tail.until_printed("\"added\"").await.unwrap();
    bench.add(&["q", "after"]);
    tail.until_printed("after").await.unwrap();
    let _worker = bench
        .work(&["--exec", "cat >/dev/null; echo '[1, 2]'"])
        .await;
    tail.until_printed("\"completed\"").await.unwrap();
    tail.signal("TERM").unwrap();
    assert!(tail.until_ended().await.unwrap().success());
    let completed = lines(&tail.output());
    let completed = completed
        .iter()
        .find(|event| event["event"] == "completed")
        .unwrap();
    assert_eq!(completed["returnvalue"], json!([1, 2]));
}

#[tokio::test]
async fn a_tail_that_nobody_reads_ends() {
    let bench = Bench::new().await;
    bench.add(&["q", "first"]);
    let tail = ["events", "tail", "q", "--from", "start"];
    let mut tail = bench.command(&tail).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(tail.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("added"), "{line}");
    drop(reader);
    bench.add(&["q", "second"]);
    assert!(tail.wait().unwrap().success());
}
