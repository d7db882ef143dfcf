//! `bellwether flow`.

use std::fs;

use crate::support::Bench;

const BOOK: &str = r#"{
  "queue": "books", "name": "bind", "data": {"title": "Notes"}, "opts": {"jobId": "book"},
  "children": [
    {"queueName": "pages", "name": "print", "data": 1, "opts": {"jobId": "page-1", "attempts": 3}},
    {"queue": "pages", "name": "print", "opts": {
      "jobId": "page-2", "failParentOnFailure": true, "removeOnComplete": {"age": 60, "count": 5},
      "removeOnFail": 7, "backoff": {"type": "fixed", "delay": 5}, "keepLogs": 2
    }, "children": [{"queue": "ink", "name": "mix", "opts": {"jobId": "ink", "delay": 60000}}]}
  ]
}"#;

#[tokio::test]
async fn a_tree_is_added_from_a_file_and_shown() {
    let bench = Bench::new().await;
    fs::write(bench.dir.path().join("book.json"), BOOK).unwrap();
    insta::assert_snapshot!(bench.text(&["flow", "add", "book.json"]), @"
    books book
    ├─ pages page-1
    └─ pages page-2
       └─ ink ink
    ");
    insta::assert_snapshot!(bench.text(&["flow", "show", "books", "book"]), @"
    bind  waiting-children  books book
    ├─ print  waiting  pages page-1
    └─ print  waiting-children  pages page-2
       └─ mix  delayed  ink ink
    ");
    let shown = bench.json(&["flow", "show", "books", "book", "--depth", "1"]);
    assert_eq!(shown["state"], "waiting-children");
    let pages = shown["children"].as_array().unwrap();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[1]["children"].as_array().unwrap().len(), 0);
    let opts = &bench.show("pages", "page-2")["opts"];
    assert_eq!(opts["fpof"], true);
    assert_eq!(opts["removeOnComplete"]["age"], 60);
    assert_eq!(opts["removeOnFail"], 7);
    assert_eq!(opts["kl"], 2);
}

#[tokio::test]
async fn a_tree_that_can_not_be_read_is_one_sentence() {
    let bench = Bench::new().await;
    assert!(
        bench
            .failure(&["flow", "add", "nowhere.json"])
            .contains("nowhere.json can't be read")
    );
    for (tree, reason) in [
        ("{half", "the tree can't be read"),
        (
            r#"{"queue": "q", "name": "a", "opts": {"retries": 3}}"#,
            "unknown field `retries`",
        ),
        (
            r#"{"queue": "a:b", "name": "a"}"#,
            "Queue name cannot contain :",
        ),
        (
            r#"{"queue": "q", "name": "a", "opts": {"failParentOnFailure": true, "continueParentOnFailure": true}}"#,
            "The following options cannot be used together",
        ),
    ] {
        fs::write(bench.dir.path().join("tree.json"), tree).unwrap();
        let sentence = bench.failure(&["flow", "add", "tree.json"]);
        assert!(sentence.contains(reason), "{sentence}");
    }
    let missing = bench.failure(&["flow", "show", "q", "nobody"]);
    assert_eq!(missing, "error: there is no job nobody in q");
}
