//! `/v1/cards`.

use std::time::Duration;

use domain::EventKind;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Api, Caller, redacted};

fn card_events(api: &Api) -> Vec<EventKind> {
    let kinds = api.events().into_iter().map(|event| event.kind());
    kinds
        .filter(|kind| *kind != EventKind::CuratorRegistered)
        .collect()
}

async fn assert_nothing_is_stored(api: &Api, caller: &Caller) {
    let library = api.get(caller, "/v1/cards").await;
    assert_eq!(library.body, r#"{"items":[]}"#);
    assert_eq!(card_events(api), []);
}

#[tokio::test]
async fn a_url_is_saved() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let body = json!({
        "url": "HTTPS://Example.org:443/a?b=c#d",
        "title": " An example ",
        "note": "read\nthis",
    });
    let saved = api.post(&ada, "/v1/cards", body).await;
    redacted(|| assert_snapshot!(saved));
    assert_eq!(card_events(&api), [EventKind::CardAddedToLibrary]);

    let shown = api.get(&ada, saved.header("location")).await;
    assert_eq!((shown.status.as_u16(), &shown.body), (200, &saved.body));
}

#[tokio::test]
async fn a_note_is_saved() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let saved = api
        .post(&ada, "/v1/cards", json!({"note": "A thought"}))
        .await;
    redacted(|| assert_snapshot!(saved));
}

#[tokio::test]
async fn a_card_is_shown_to_everybody_and_removed_by_its_curator_alone() {
    let api = Api::new();
    let (ada, bob) = (api.curator("ada").await, api.curator("bob").await);
    let path = format!(
        "/v1/cards/{}",
        api.save_url(&ada, "https://example.org/").await
    );
    assert_eq!(api.get(&bob, &path).await.status, 200);

    let refused = api.delete(&bob, &path).await;
    redacted(|| assert_snapshot!(refused));
    assert_eq!(api.get(&ada, &path).await.status, 200);

    assert_eq!(api.delete(&ada, &path).await.status, 204);
    let gone = api.get(&ada, &path).await;
    assert_eq!(
        (gone.status.as_u16(), gone.code().as_str()),
        (404, "unknown-card")
    );
    assert_eq!(api.delete(&ada, &path).await.status, 404);
    let expected = [
        EventKind::CardAddedToLibrary,
        EventKind::CardRemovedFromLibrary,
    ];
    assert_eq!(card_events(&api), expected);
}

#[tokio::test]
async fn a_url_is_saved_once_and_the_answer_says_which_card_has_it() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let card = api.save_url(&ada, "https://example.org/").await;
    let again = api
        .post(
            &ada,
            "/v1/cards",
            json!({"url": "https://example.org/#top"}),
        )
        .await;
    redacted(|| assert_snapshot!(again));
    assert_eq!(again.header("location"), format!("/v1/cards/{card}"));
    assert_eq!(card_events(&api).len(), 1);
}

#[tokio::test]
async fn a_bad_url_is_refused_and_nothing_is_stored() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let long = format!("https://example.org/{}", "a".repeat(2048));
    let urls = [
        "",
        "example.org",
        "https://",
        "//example.org/",
        "javascript:alert(1)",
        "ftp://example.org/",
        "data:text/html,hello",
        "file:///etc/passwd",
        "https://ada@example.org/",
        "https://ada:secret@example.org/",
        "https://example.org/a b",
        "https://exa\tmple.org/",
        "https://example.org/\n",
        "https://example.org/\u{0}",
        "https://example.org/\u{7f}",
        &long,
    ];
    let mut answers = Vec::new();
    for url in urls {
        let answer = api.post(&ada, "/v1/cards", json!({"url": url})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid-body")
        );
        assert_eq!(answer.text_at("/errors/0/pointer"), "/url");
        let shown: String = url.chars().take(40).collect();
        answers.push(format!(
            "{shown:?}\n    {}",
            answer.text_at("/errors/0/detail")
        ));
    }
    assert_snapshot!(answers.join("\n"));
    assert_nothing_is_stored(&api, &ada).await;
}

#[tokio::test]
async fn a_card_needs_something_and_no_field_may_be_wrong() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let bodies = [
        json!({}),
        json!({"url": null}),
        json!({"title": "A title"}),
        json!({"title": "A title", "note": "A thought"}),
        json!({"note": "  "}),
        json!({"url": "ftp://example.org/", "title": "\u{0}", "note": "\u{0}"}),
        json!({"url": "https://example.org/", "title": "a".repeat(301)}),
        json!({"url": "https://example.org/", "note": "a".repeat(10_001)}),
        json!({"url": 7}),
        json!({"url": ["https://example.org/"]}),
        json!({"url": "https://example.org/", "tags": ["a"]}),
        json!([{"url": "https://example.org/"}]),
    ];
    let mut answers = Vec::new();
    for body in bodies {
        let shown: String = body.to_string().chars().take(70).collect();
        let answer = api.post(&ada, "/v1/cards", body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid-body")
        );
        answers.push(shown);
        for error in answer.json()["errors"].as_array().unwrap() {
            let (pointer, detail) = (&error["pointer"], &error["detail"]);
            answers.push(format!("    {pointer}: {detail}"));
        }
    }
    assert_snapshot!(answers.join("\n"));
    assert_nothing_is_stored(&api, &ada).await;
}

#[tokio::test]
async fn a_library_is_paged_newest_first_and_new_cards_do_not_move_the_pages() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    for number in 1..=5 {
        api.clock.advance(Duration::from_secs(1));
        api.save_url(&ada, &format!("https://example.org/{number}"))
            .await;
    }
    let first = api.get(&ada, "/v1/cards?limit=2").await;
    redacted(|| assert_snapshot!(first));

    api.clock.advance(Duration::from_secs(1));
    api.save_url(&ada, "https://example.org/6").await;

    let mut shown = urls(&first.json());
    let mut next = first;
    while next.json()["next"].is_string() {
        let link = next.header("link");
        let path = link.strip_prefix('<').unwrap().split('>').next().unwrap();
        assert!(link.ends_with(">; rel=\"next\""), "{link}");
        assert!(path.contains(&next.text_at("/next")), "{link}");
        next = api.get(&ada, path).await;
        shown.extend(urls(&next.json()));
    }
    assert_eq!(
        shown,
        [5, 4, 3, 2, 1].map(|number| format!("https://example.org/{number}"))
    );
    assert!(next.headers.get("link").is_none());
}

fn urls(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|card| card["url"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_cursor_or_a_limit_that_is_none_is_named() {
    let api = Api::new();
    let ada = api.curator("ada").await;
    let answer = api.get(&ada, "/v1/cards?cursor=last+week&limit=1000").await;
    redacted(|| assert_snapshot!(answer));
    for (query, parameter) in [
        ("cursor=", "cursor"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=2&limit=3", "limit"),
        ("offset=20", "offset"),
    ] {
        let answer = api.get(&ada, &format!("/v1/cards?{query}")).await;
        assert_eq!(answer.code(), "invalid-parameter", "{query}");
        assert_eq!(answer.text_at("/errors/0/parameter"), parameter, "{query}");
    }
}
