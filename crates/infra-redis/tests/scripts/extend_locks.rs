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

    assert_eq!(
        lost,
        Reply::List(vec![Reply::Text("2".into()), Reply::Text("3".into())])
    );
    let ttl = vec![format!("{}:lock", fixture.keys.job("1"))];
    let ttl = fixture.connection.command("PTTL", ttl).await.unwrap();
    assert!(matches!(ttl, Reply::Int(80_000..=90_000)), "{ttl:?}");
    let stalled = fixture.on("SMEMBERS", Suffix::Stalled, &[]).await;
    assert_eq!(stalled, Reply::List(vec![Reply::Text("2".into())]));
}
