//! Bytes as an enemy sends them: what a function that reads them must withstand.
//!
//! `fuzz/` has the same functions as targets for a fuzzer, and the corpus that both begin with. A
//! file that once broke something stays there for good.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestError, TestRunner};

/// How many variations a target is given.
const CASES: u32 = 2_000;

/// How long reading one of them may take, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// What parsers stumble over, put where nobody expects it.
const TOKENS: [&[u8]; 22] = [
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"[",
    b"}",
    b"null",
    b"-1",
    b"0",
    b"1e999",
    b"1e308",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551615",
    b"18446744073709551616",
    b"%00",
    "\u{202e}\u{1f4da}".as_bytes(),
    b"NaN",
];

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Edit {
    Drop(Index, Index),
    Insert(Index, Vec<u8>),
    Set(Index, u8),
    Repeat(Index, Index, usize),
}

/// Gives a target every file of its corpus, and thousands of variations of them. It withstands what
/// it returns from within seconds, whatever it makes of it.
///
/// # Panics
///
/// If the target does, with the smallest bytes that make it; if it takes too long; or if it has no
/// corpus.
pub fn withstands(target: &str, read: impl Fn(&[u8])) {
    let seeds = corpus(target);
    assert!(!seeds.is_empty(), "fuzz/corpus/{target} has no files");
    for (path, seed) in &seeds {
        let started = Instant::now();
        read(seed);
        assert!(
            started.elapsed() < PATIENCE,
            "{} takes too long",
            path.display()
        );
    }
    let seeds: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&bytes(seeds), |bytes| {
        let started = Instant::now();
        read(&bytes);
        prop_assert!(started.elapsed() < PATIENCE, "it takes too long");
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, bytes)) => {
            let text = String::from_utf8_lossy(&bytes);
            panic!("{target} does not withstand {text:?}: {reason}")
        }
        Err(error) => panic!("{target} could not be tried: {error}"),
    }
}

/// The files of a target's corpus, by name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let Ok(entries) = fs::read_dir(root.join(target)) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).ok().map(|bytes| (path, bytes));
    paths.into_iter().filter_map(read).collect()
}

/// A file with some edits, two of them spliced, or anything at all.
fn bytes(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let seed = proptest::sample::select(seeds);
    let edited = (seed.clone(), vec(edit(), 0..6))
        .prop_map(|(seed, edits)| edits.into_iter().fold(seed, |bytes, edit| edit.of(bytes)));
    let spliced =
        (seed.clone(), seed, any::<Index>(), any::<Index>()).prop_map(|(one, two, to, from)| {
            let (to, from) = (to.index(one.len() + 1), from.index(two.len() + 1));
            [&one[..to], &two[from..]].concat()
        });
    prop_oneof![6 => edited, 2 => spliced, 1 => vec(any::<u8>(), 0..200)]
}

fn edit() -> impl Strategy<Value = Edit> {
    let token = proptest::sample::select(TOKENS.as_slice()).prop_map(<[u8]>::to_vec);
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Drop(from, to)),
        (any::<Index>(), token).prop_map(|(at, token)| Edit::Insert(at, token)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), any::<Index>(), 1_usize..300)
            .prop_map(|(from, to, times)| Edit::Repeat(from, to, times)),
    ]
}

impl Edit {
    fn of(self, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = bytes.len();
        let range = |from: Index, to: Index| {
            let (a, b) = (from.index(length + 1), to.index(length + 1));
            a.min(b)..a.max(b)
        };
        match self {
            Self::Drop(from, to) => drop(bytes.drain(range(from, to))),
            Self::Insert(at, token) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, token);
            }
            Self::Set(at, byte) if length > 0 => bytes[at.index(length)] = byte,
            Self::Set(_, byte) => bytes.push(byte),
            Self::Repeat(from, to, times) => {
                let range = range(from, to);
                // Enough to nest deeply, and little enough to stay quick.
                let part: Vec<_> = bytes[range.clone()].iter().copied().take(64).collect();
                let at = range.start;
                bytes.splice(at..at, part.repeat(times));
            }
        }
        bytes
    }
}
