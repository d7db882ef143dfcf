//! BullMQ's own client for Rust: one JSON question per line on the input, one JSON answer per line
//! on the output, until the input ends.
//!
//! usage: `interop-official <redis url> <prefix> <queue>`

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};

use bullmq::options::RedisConnectionOptions;
use bullmq::{BulkJob, Error, Job, JobOptions, Queue, QueueOptions, Worker, WorkerOptions};
use serde_json::{Value, json};

struct Client {
    connection: RedisConnectionOptions,
    prefix: String,
    name: String,
    queue: Queue,
    workers: Vec<Worker>,
    worked: Arc<Mutex<Vec<String>>>,
}

impl Client {
    async fn answer(&mut self, question: &Value) -> Result<Value, Box<dyn std::error::Error>> {
        match question["ask"].as_str().unwrap_or_default() {
            "add" => {
                let mut jobs = Vec::new();
                for job in question["jobs"].as_array().into_iter().flatten() {
                    let name = job["name"].as_str().unwrap_or_default();
                    let options: JobOptions = match job.get("opts") {
                        Some(options) => serde_json::from_value(options.clone())?,
                        None => JobOptions::default(),
                    };
                    jobs.push(BulkJob::with_options(name, job["data"].clone(), options));
                }
                let added = self.queue.add_bulk(jobs).await?;
                Ok(added.iter().map(Job::id).collect())
            }
            "counts" => Ok(serde_json::to_value(self.queue.get_job_counts().await?)?),
            "job" => {
                let id = question["id"].as_str().unwrap_or_default();
                let job = self.queue.get_job(id).await?;
                let mut read = serde_json::to_value(job)?;
                let state = self.queue.get_job_state(id).await?;
                read["state"] = format!("{state:?}").into();
                Ok(read)
            }
            "work" => {
                let worked = self.worked.clone();
                let process = move |job: Job, _| {
                    let worked = worked.clone();
                    async move {
                        worked
                            .lock()
                            .expect("no panic while it was held")
                            .push(job.id().to_owned());
                        if job.name() == "fails" {
                            return Err(Error::ProcessingError("it broke over there".to_owned()));
                        }
                        Ok(json!({"by": "official", "data": job.data()}))
                    }
                };
                let options = WorkerOptions {
                    connection: self.connection.clone(),
                    prefix: self.prefix.clone(),
                    ..WorkerOptions::default()
                };
                let worker = Worker::with_options(&self.name, process, options).await?;
                self.workers.push(worker);
                Ok(Value::Null)
            }
            "stop" => {
                for worker in self.workers.drain(..) {
                    // Its jobs have ended; the time is what it lets a wait for more of them go on.
                    worker.close(200).await?;
                }
                let worked = self.worked.lock().expect("no panic while it was held");
                Ok(json!(*worked))
            }
            other => Err(format!("no such question: {other}").into()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [url, prefix, name] = <[String; 3]>::try_from(args)
        .map_err(|_| "usage: interop-official <redis url> <prefix> <queue>")?;
    let connection = RedisConnectionOptions::default().url(url);
    let options = QueueOptions {
        connection: connection.clone(),
        prefix: prefix.clone(),
        ..QueueOptions::default()
    };
    let queue = Queue::with_options(&name, options).await?;
    let mut client = Client {
        connection,
        prefix,
        name,
        queue,
        workers: Vec::new(),
        worked: Arc::default(),
    };
    let (lines, mut questions) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = questions.recv().await {
        let question = serde_json::from_str(&line)?;
        let answer = match client.answer(&question).await {
            Ok(answer) => json!({"ok": answer}),
            Err(error) => json!({"error": error.to_string()}),
        };
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
