use super::upsert_scheduler::{EVERY, Upsert};
use super::*;

#[tokio::test]
async fn schedulers_are_read_in_pages_or_by_their_id() {
    let fixture = Fixture::new().await;
    for (id, start) in [("c", 3), ("a", 1), ("b:1", 2)] {
        let start = Some(NOW + start);
        fixture.upsert(Upsert { id, start, ..EVERY }).await;
    }
    // The oldest repeatable jobs are members without fields.
    let oldest = "name:id:::5000";
    fixture.on("ZADD", Suffix::Repeat, &["1", oldest]).await;
    let ids = async |range| {
        let page = fixture.queue.schedulers(range).await.unwrap();
        page.into_iter()
            .map(|scheduler| scheduler.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(0..10).await, ["a", "b:1", "c"]);
    assert_eq!(ids(2..3).await, ["b:1"]);
    assert!(ids(3..3).await.is_empty());
    let found = fixture.queue.scheduler("b:1").await.unwrap().unwrap();
    assert_eq!((found.next, found.every), (NOW + 2, Some(10_000)));
    assert_eq!(found.iterations, Some(1));
    assert_eq!(found.data.as_deref(), Some(r#"{"to":"Ada"}"#));
    for absent in ["none", oldest] {
        assert_eq!(fixture.queue.scheduler(absent).await.unwrap(), None);
    }
}
