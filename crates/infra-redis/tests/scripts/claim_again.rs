//! A claim whose answer was lost, made again.

use super::*;

impl Fixture {
    /// Makes a claim again whose answer was lost.
    async fn fetch_again(&self, now: u64, tokens: &[&str]) -> Fetch {
        let round = Round {
            now: &now.to_string(),
            hint: "lost",
            tokens,
            ..Round::default()
        };
        Fetch::of(self.round(round).await, 0)
    }

    async fn lock_millis(&self, id: &str) -> i64 {
        let lock = format!("{}:lock", self.keys.job(id));
        let ttl = self.connection.command("PTTL", vec![lock]).await.unwrap();
        match ttl {
            Reply::Int(ttl) => ttl,
            other => panic!("not a time: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_same_jobs_are_given_out_and_the_other_tokens_take_others() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    assert_eq!(fixture.fetch(NOW, None, &["a", "b"]).await.ids, ["1"]);
    fixture.add(&[PLAIN]).await;
    let mut again = fixture.fetch_again(NOW, &["a", "b"]).await.ids;
    again.sort();
    assert_eq!(again, ["1", "2"]);
    let started = vec![fixture.keys.job("1"), "ats".to_owned()];
    let started = fixture.connection.command("HGET", started).await.unwrap();
    assert_eq!(text(&started), "1", "it is the same attempt");
}

#[tokio::test]
async fn the_locks_of_jobs_given_out_again_start_anew() {
    let fixture = Fixture::new().await;
    fixture.add(&[PLAIN]).await;
    fixture.fetch(NOW, None, &["a"]).await;
    let lock = format!("{}:lock", fixture.keys.job("1"));
    let nearly_over = vec![lock, "5000".to_owned()];
    fixture
        .connection
        .command("PEXPIRE", nearly_over)
        .await
        .unwrap();
    assert_eq!(fixture.fetch_again(NOW, &["a"]).await.ids, ["1"]);
    assert!(fixture.lock_millis("1").await > 20_000);
}
