//! Running the program on queues that no other test has.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use infra_redis::engine::{Connection, ConnectionSettings, Reply};
use serde_json::Value;
use testkit::program::{Program, eventually};

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A prefix of a test's own in the shared Valkey, and a folder for files.
pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) prefix: String,
    pub(crate) connection: Connection,
    pub(crate) dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let url = testkit::valkey::shared_url().await;
        let settings = ConnectionSettings::parse(&url).unwrap();
        Self {
            connection: Connection::open(&settings).await.unwrap(),
            prefix: testkit::valkey::unique_prefix(),
            url,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn with_server<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let server = ["--url", &self.url, "--prefix", &self.prefix];
        [arguments, &server].concat()
    }

    /// The program, without any settings from this process's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command
            .args(self.with_server(arguments))
            .env_clear()
            .current_dir(self.dir.path());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a person reads.
    #[track_caller]
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stderr, "", "{arguments:?}");
        ran.stdout
    }

    /// What a program reads.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The sentence that it fails with.
    #[track_caller]
    pub(crate) fn failure(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran.stderr.trim_end().to_owned()
    }

    /// Arguments that it refuses, and the first line of why.
    #[track_caller]
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        ran.stderr.lines().next().unwrap_or_default().to_owned()
    }

    /// Adds a job; its id.
    #[track_caller]
    pub(crate) fn add(&self, arguments: &[&str]) -> String {
        let added = self.json(&[&["job", "add"], arguments].concat());
        added["id"].as_str().unwrap().to_owned()
    }

    /// Shows a job.
    #[track_caller]
    pub(crate) fn show(&self, queue: &str, id: &str) -> Value {
        self.json(&["job", "show", queue, id])
    }

    /// The ids of the jobs in a state, those first that run first.
    #[track_caller]
    pub(crate) fn ids(&self, queue: &str, state: &str) -> Vec<String> {
        let jobs = self.json(&["job", "list", queue, "--state", state, "--oldest-first"]);
        let jobs = jobs.as_array().unwrap().iter();
        jobs.map(|job| job["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The job, once it has finished.
    pub(crate) async fn finished(&self, queue: &str, id: &str) -> Value {
        eventually("the job to finish", || async {
            let job = self.show(queue, id);
            (!job["finishedOn"].is_null()).then_some(job)
        })
        .await
    }

    /// Starts the program to run on its own.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let arguments = self.with_server(arguments);
        Program::start("bellwether", self.dir.path(), &arguments).unwrap()
    }

    /// Starts a worker of the queue `q`, and waits until it works.
    pub(crate) async fn work(&self, arguments: &[&str]) -> Program {
        let mut worker = self.start(&[&["worker", "run", "--queue", "q"], arguments].concat());
        worker.until_printed("Working `q`").await.unwrap();
        worker
    }

    /// Writes a shell script; the command that runs it.
    pub(crate) fn script(&self, text: &str) -> String {
        let file = self.dir.path().join("script.sh");
        std::fs::write(&file, text).unwrap();
        format!("sh {}", file.display())
    }

    /// The text of a file, once it is there and has a whole line.
    pub(crate) async fn file(&self, name: &str) -> String {
        let file = self.dir.path().join(name);
        eventually("a file to be written", || async {
            std::fs::read_to_string(&file)
                .ok()
                .filter(|text| text.ends_with('\n'))
        })
        .await
    }

    /// Sends a command on one of the keys of the queue `q`.
    pub(crate) async fn on(&self, command: &'static str, suffix: &str, args: &[&str]) -> Reply {
        let mut all = vec![format!("{}:q:{suffix}", self.prefix)];
        all.extend(args.iter().map(ToString::to_string));
        self.connection.command(command, all).await.unwrap()
    }

    /// Settings under which what differs from run to run is written the same.
    pub(crate) fn settled(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[time]");
        settings.add_filter(&self.prefix, "[prefix]");
        settings
    }
}

/// Waits until a process is gone, or at least does nothing any more.
pub(crate) async fn until_gone(pid: &str) {
    let command_line = Path::new("/proc").join(pid.trim()).join("cmdline");
    eventually("a process to end", || async {
        // That of a process that nobody has waited for yet is empty.
        let text = std::fs::read(&command_line).unwrap_or_default();
        text.is_empty().then_some(())
    })
    .await;
}
