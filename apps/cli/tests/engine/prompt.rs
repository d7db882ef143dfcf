//! What a person at a terminal is asked before something is destroyed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::Bench;

/// Runs the program on a terminal and answers its question; what the terminal shows, and the code.
fn on_terminal(bench: &Bench, arguments: &[&str], answer: &str) -> (String, Option<i32>) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let name = std::ffi::OsStr::from_bytes(name.to_bytes());
    let side = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    let mut command = bench.command(arguments);
    command
        .stdin(side.try_clone().unwrap())
        .stdout(side.try_clone().unwrap())
        .stderr(side);
    let mut child = command.spawn().unwrap();
    // It holds the program's side of the terminal, which must be closed for the end to be seen.
    drop(command);
    let mut terminal = File::from(terminal);
    terminal.write_all(answer.as_bytes()).unwrap();
    let code = child.wait().unwrap().code();
    let mut shown = Vec::new();
    // Ends with an error when the other side is closed.
    let _ = terminal.read_to_end(&mut shown);
    (String::from_utf8(shown).unwrap(), code)
}

#[tokio::test]
async fn a_person_is_asked_and_may_say_no() {
    let bench = Bench::new().await;
    bench.add(&["q", "a"]);
    let (shown, code) = on_terminal(&bench, &["queue", "drain", "q"], "n\n");
    assert!(
        shown.contains("Remove all ready jobs of q? [y/N]"),
        "{shown}"
    );
    assert!(shown.contains("error: nothing was done"), "{shown}");
    assert_eq!(code, Some(1));
    assert_eq!(bench.ids("q", "waiting"), ["1"]);

    let (shown, code) = on_terminal(&bench, &["job", "remove", "q", "1"], "y\n");
    assert!(shown.contains("Remove job 1 of q? [y/N]"), "{shown}");
    assert!(shown.contains("Removed job 1 of q"), "{shown}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn whoever_says_yes_before_is_not_asked() {
    let bench = Bench::new().await;
    bench.add(&["q", "a"]);
    let (shown, code) = on_terminal(&bench, &["queue", "drain", "q", "--yes"], "");
    assert_eq!((shown.trim(), code), ("Removed 1 job of q", Some(0)));
}
