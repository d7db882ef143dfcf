use super::*;
use crate::engine::JobState;

#[tokio::test]
async fn every_state_is_found_and_what_is_nowhere_has_none() {
    let fixture = Fixture::new().await;
    for (place, state) in [
        (Suffix::Completed, JobState::Completed),
        (Suffix::Failed, JobState::Failed),
        (Suffix::Delayed, JobState::Delayed),
        (Suffix::Prioritized, JobState::Prioritized),
        (Suffix::Active, JobState::Active),
        (Suffix::Wait, JobState::Waiting),
        (Suffix::Paused, JobState::Waiting),
        (Suffix::WaitingChildren, JobState::WaitingChildren),
    ] {
        fixture.put(place, place.as_str(), "1").await;
        let found = fixture.queue.state(place.as_str()).await.unwrap();
        assert_eq!(found, Some(state));
    }
    fixture.store("nowhere").await;
    assert_eq!(fixture.queue.state("nowhere").await.unwrap(), None);
}
