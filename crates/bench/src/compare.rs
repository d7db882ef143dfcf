//! Runs the programs in turn and sets what they reached beside what is to be reached.

mod document;
mod machine;
mod program;
mod results;
mod table;
mod valkey;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::proxy;
use program::{Program, Programs};
use results::Results;
use table::{Persistence, Run, Table};
use valkey::Valkey;

/// How the programs are compared.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// How often each program goes through each run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only the runs of this group, or the one run of this name
    #[arg(long, value_name = "GROUP")]
    only: Option<String>,
    /// Few jobs and one round, to see that everything runs; the figures mean nothing then
    #[arg(long)]
    quick: bool,
    /// The document into which the tables are written, between its markers
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// A file to which each line is added that a program printed
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// The program of BullMQ's client for Node
    #[arg(long, value_name = "FILE")]
    node: PathBuf,
    /// The program of BullMQ's client for Rust
    #[arg(long, value_name = "FILE")]
    official: PathBuf,
    /// The program of apalis
    #[arg(long, value_name = "FILE")]
    apalis: PathBuf,
}

impl Compare {
    /// Compares; fails if a run failed, or if a floor was missed that can be reached here.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut table = Table::read()?;
        if let Some(only) = &self.only {
            table.keep_only(only)?;
        }
        ensure!(
            self.write.is_none() || !self.quick,
            "the figures of a quick comparison mean nothing, so they are not written into a document"
        );
        let programs = Programs::new(&self.node, &self.official, &self.apalis)?;
        let mut servers = Servers::default();
        let mut results = Results::default();
        let rounds = if self.quick { 1 } else { self.rounds };
        for round in 0..rounds {
            // Every other round goes backwards, so that what changes slowly meets all alike.
            let is_backwards = round % 2 == 1;
            for run in in_turn(&table.runs, is_backwards) {
                for program in in_turn(&run.programs(), is_backwards) {
                    self.go_through(run, *program, &programs, &mut servers, &mut results)?;
                }
            }
        }
        let about = machine::describe(&programs, servers.get(Persistence::None)?.port())?;
        let text = document::render(&table, &results, &about, rounds);
        writeln!(std::io::stdout(), "{text}")?;
        if let Some(path) = &self.write {
            document::write(path, &text)?;
        }
        let missed = document::missed(&table, &results);
        let is_good = results.faults().is_empty() && (self.quick || missed.by_us == 0);
        eprintln!(
            "{} runs failed, {} figures are below their floor, behind the official crate or were not \
             measured, and {} are below a floor that bare scripts don't reach here",
            results.faults().len(),
            missed.by_us,
            missed.by_all
        );
        Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn go_through(
        &self,
        run: &Run,
        program: Program,
        programs: &Programs,
        servers: &mut Servers,
        results: &mut Results,
    ) -> Result<()> {
        let url = servers.get(run.server)?.url();
        let mut variables = run.variables(program, self.quick);
        variables.insert("BENCH_CTL_URL".to_owned(), url.clone());
        let measured = match run.load.as_deref() {
            None => Ok(()),
            // The load is the same for all, and the engine's own is the fastest way to it.
            Some(case) => {
                let mut loading = variables.clone();
                loading.insert("BENCH_URL".to_owned(), url.clone());
                loading.remove("BENCH_LOOK_AHEAD");
                variables.insert("BENCH_PRELOADED".to_owned(), "1".to_owned());
                programs.run(Program::Ours, case, &loading).map(drop)
            }
        };
        let url = match run.round_trip_ms {
            0 => url,
            millis => servers.far(&url, millis)?,
        };
        variables.insert("BENCH_URL".to_owned(), url);
        let measured = measured.and_then(|()| programs.run(program, &run.case, &variables));
        match measured {
            Ok(line) => {
                eprintln!("{:18} {:9} {}", run.id, program.name(), line["rate"]);
                if let Some(path) = &self.lines {
                    note_line(path, run, &line)?;
                }
                results.add(&run.id, program, line);
            }
            Err(error) => {
                eprintln!("{:18} {:9} failed: {error:#}", run.id, program.name());
                results.add_fault(&run.id, program, format!("{error:#}"));
            }
        }
        Ok(())
    }
}

fn note_line(path: &PathBuf, run: &Run, line: &serde_json::Value) -> Result<()> {
    let mut line = line.clone();
    line["run"] = run.id.clone().into();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("{} can't be written", path.display()))?;
    Ok(writeln!(file, "{line}")?)
}

/// The items, from the end if this round goes backwards.
fn in_turn<T>(items: &[T], is_backwards: bool) -> impl Iterator<Item = &T> {
    let count = items.len();
    (0..count).map(move |i| &items[if is_backwards { count - 1 - i } else { i }])
}

/// The servers of a comparison, each started when it is first needed.
#[derive(Default)]
struct Servers {
    running: BTreeMap<Persistence, Valkey>,
    /// The addresses of proxies, by the server's and the round trip.
    far: BTreeMap<(String, u64), String>,
}

impl Servers {
    fn get(&mut self, kind: Persistence) -> Result<&Valkey> {
        Ok(match self.running.entry(kind) {
            Entry::Occupied(running) => running.into_mut(),
            Entry::Vacant(place) => {
                let options: &[&str] = match kind {
                    Persistence::None => &["--save", ""],
                    Persistence::Aof => &[
                        "--save",
                        "",
                        "--appendonly",
                        "yes",
                        "--appendfsync",
                        "everysec",
                    ],
                };
                place.insert(Valkey::start(options)?)
            }
        })
    }

    /// The address of a server, this far away.
    fn far(&mut self, url: &str, millis: u64) -> Result<String> {
        let key = (url.to_owned(), millis);
        if let Some(known) = self.far.get(&key) {
            return Ok(known.clone());
        }
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("redis://{}", listener.local_addr()?);
        let target = url.trim_start_matches("redis://").to_owned();
        let round_trip = Duration::from_millis(millis);
        std::thread::spawn(move || proxy::serve(&listener, &target, round_trip));
        self.far.insert(key, address.clone());
        Ok(address)
    }
}
