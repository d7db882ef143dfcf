//! Random operations against a simple model and a real Valkey: after each of them the whole
//! keyspace must be what the model says.
//!
//! The model is written from the specification (`BullMQ` 6.7 on the wire), with the differences that
//! `docs/wire.md` lists. It keeps two queues, so that parents are in their children's queue or in
//! another, and jobs whose hash somebody deleted. Time is an argument everywhere, so a sequence does the same each time; what expires
//! expires by that time, and how long the server was told to keep it is compared beside its value.
//!
//! CI runs 200 cases. To run thousands:
//!
//! ```sh
//! MODEL_CASES=5000 cargo test -p infra-redis --lib model_tests
//! ```
//!
//! A failure prints the shortest sequence that still fails and adds its seed to
//! `proptest-regressions.txt` beside this file; commit that, and each later run starts with it.

mod adding;
mod by_hand;
mod engine;
mod family;
mod keyspace;
mod ops;
mod removal;
mod run;
mod upkeep;
mod working;
mod world;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
use run::Run;

use crate::engine::connection::{Connection, ConnectionSettings};

const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/model/proptest-regressions.txt"
);

/// A database of its own: the keys of a case are found by their prefix, and other tests' keys would
/// have to be looked at each time.
async fn connect() -> Connection {
    let url = testkit::valkey::shared_url().await;
    let server = url.trim_end_matches('/');
    let has_database = server.matches('/').count() > 2;
    let url = if has_database {
        url
    } else {
        format!("{server}/9")
    };
    let settings = ConnectionSettings::parse(&url).unwrap();
    Connection::open(&settings).await.unwrap()
}

#[test]
fn any_sequence_leaves_the_keyspace_that_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let connection = runtime.block_on(connect());
    let asked = std::env::var("MODEL_CASES").ok();
    let config = Config {
        cases: asked.as_ref().map_or(200, |cases| cases.parse().unwrap()),
        max_shrink_iters: 4000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    // The same cases in every run of the suite, so that a change is tested and not luck; others
    // each time where somebody looks for faults.
    let mut runner = if asked.is_some() {
        TestRunner::new(config)
    } else {
        let same = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        TestRunner::new_with_rng(config, same)
    };
    let result = runner.run(&ops::ops(), |ops| {
        let mut run = Run::new(connection.clone());
        let result = runtime.block_on(run.all(&ops));
        runtime.block_on(run.clear());
        result.map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, ops)) => {
            let lines: Vec<_> = ops.iter().map(|op| format!("{op:?}")).collect();
            panic!("{reason}\n{}", lines.join("\n"));
        }
        Err(other) => panic!("{other}"),
    }
}
