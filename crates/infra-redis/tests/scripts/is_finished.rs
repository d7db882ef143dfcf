use super::setup::told;
use super::*;
use crate::engine::Finished;

#[tokio::test]
async fn an_end_is_told_with_what_belongs_to_it() {
    let fixture = Fixture::new().await;
    for (state, id, field) in [
        (Suffix::Completed, "done", "returnvalue"),
        (Suffix::Failed, "broken", "failedReason"),
        (Suffix::Wait, "ready", "failedReason"),
    ] {
        fixture.store_in(state, id).await;
        fixture.at("HSET", id, &[field, "42"]).await;
    }
    fixture.store_in(Suffix::Completed, "bare").await;
    let finished = async |id| fixture.queue.is_finished(id).await;
    let completed = |json: &str| Some(Finished::Completed(json.into()));
    assert_eq!(finished("done").await.unwrap(), completed("42"));
    assert_eq!(finished("bare").await.unwrap(), completed("null"));
    let failed = Some(Finished::Failed("42".into()));
    assert_eq!(finished("broken").await.unwrap(), failed);
    assert_eq!(finished("ready").await.unwrap(), None);
    assert_eq!(
        told(finished("gone").await),
        "Missing key for job gone. isFinished"
    );
}
