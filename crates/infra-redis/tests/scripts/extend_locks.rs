use super::*;

#[tokio::test]
async fn only_the_owner_extends_and_the_others_are_told() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 3]).await;
    fixture.fetch(NOW, None, &["a", "b", "c"]).await;
    fixture.on("SADD", Suffix::Stalled, &["1", "2"]).await;
    let lock = format!("{}:lock", fixture.keys.job("3"));
    fixture.connection.command("DEL", vec![lock]).await.unwrap();

    let args = ["90000", "1", "a", "2", "somebody-else", "3", "c"];
    let lost = fixture.call(&scripts::EXTEND_LOCKS, args).await;

    let lost_ids = vec![Reply::Text("2".into()), Reply::Text("3".into())];
    assert_eq!(
        lost,
        Reply::List(vec![Reply::List(lost_ids), Reply::List(Vec::new())])
    );
    let ttl = vec![format!("{}:lock", fixture.keys.job("1"))];
    let ttl = fixture.connection.command("PTTL", ttl).await.unwrap();
    assert!(matches!(ttl, Reply::Int(80_000..=90_000)), "{ttl:?}");
    let stalled = fixture.on("SMEMBERS", Suffix::Stalled, &[]).await;
    assert_eq!(stalled, Reply::List(vec![Reply::Text("2".into())]));
}

#[tokio::test]
async fn the_owner_learns_that_a_job_is_cancelled_and_of_no_other_deferred_failure() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN; 4]).await;
    fixture.fetch(NOW, None, &["a", "b", "c", "d"]).await;
    for (id, reason) in [
        ("1", "cancelled: by Ada"),
        ("2", "cancelled"),
        ("3", "cancelled by the printer"),
    ] {
        fixture.at("HSET", id, &["defa", reason]).await;
    }

    let args = ["90000", "1", "a", "2", "b", "3", "c", "4", "d"];
    let said = fixture.call(&scripts::EXTEND_LOCKS, args).await;

    let told = ["1", "cancelled: by Ada", "2", "cancelled"];
    let told = told.map(|text| Reply::Text(text.into())).to_vec();
    assert_eq!(
        said,
        Reply::List(vec![Reply::List(Vec::new()), Reply::List(told)])
    );
}
