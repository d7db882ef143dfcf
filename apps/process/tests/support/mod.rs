//! Bellwether as an operator runs it: the real binaries, on ports and in a folder of their own.
#![allow(dead_code, reason = "every test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::port::free_port;
use testkit::program::{Program, binary, eventually};

/// The web process, the workers that were started, and a client of the API.
pub(crate) struct System {
    pub(crate) dir: TempDir,
    pub(crate) database_url: String,
    pub(crate) valkey_url: String,
    pub(crate) prefix: String,
    pub(crate) web: Program,
    pub(crate) api_port: u16,
    web_args: Vec<String>,
    web_ops_port: u16,
    http: reqwest::Client,
}

/// A worker process and its operator's port.
pub(crate) struct WorkerProgram {
    pub(crate) program: Program,
    pub(crate) ops_port: u16,
}

pub(crate) const WORKERS: [&str; 3] = ["notification-worker", "feed-worker", "analytics-worker"];

/// The queue of each worker that a saved URL goes to.
pub(crate) const QUEUES: [&str; 3] = ["notifications", "feeds", "analytics"];

impl System {
    /// Starts the web process on queues in this Valkey.
    pub(crate) async fn start(valkey_url: &str) -> Self {
        Self::start_with(valkey_url, &[]).await
    }

    pub(crate) async fn start_with(valkey_url: &str, extra: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = database_url(dir.path());
        Self::start_in(dir, &database, valkey_url, extra).await
    }

    /// Starts the web process on a database that is there already.
    pub(crate) async fn start_on(database: &str, valkey_url: &str, extra: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::start_in(dir, database, valkey_url, extra).await
    }

    async fn start_in(dir: TempDir, database: &str, valkey_url: &str, extra: &[&str]) -> Self {
        let prefix = testkit::valkey::unique_prefix();
        let (api_port, ops_port) = (free_port().unwrap(), free_port().unwrap());
        let (api, ops) = (local(api_port), local(ops_port));
        let mut args = vec!["--http-addr", &api, "--ops-addr", &ops];
        args.extend(["--database-url", database, "--valkey-url", valkey_url]);
        args.extend(["--valkey-prefix", &prefix]);
        args.extend(extra);
        let web_args = args.iter().map(ToString::to_string).collect();
        let mut web = Program::start("web", dir.path(), &args).unwrap();
        web.until_ready(ops_port, "/readyz").await.unwrap();
        Self {
            database_url: database.to_owned(),
            valkey_url: valkey_url.to_owned(),
            http: reqwest::Client::new(),
            dir,
            prefix,
            web,
            api_port,
            web_args,
            web_ops_port: ops_port,
        }
    }

    /// Starts the web process anew, as it was, after it was killed.
    pub(crate) async fn start_web_again(&mut self) {
        let args: Vec<_> = self.web_args.iter().map(String::as_str).collect();
        self.web = Program::start("web", self.dir.path(), &args).unwrap();
        self.web
            .until_ready(self.web_ops_port, "/readyz")
            .await
            .unwrap();
    }

    /// What `bellwether` answers as JSON, told where the database and the queues are.
    pub(crate) async fn bellwether(&self, args: &[&str]) -> Value {
        let database = database_url(self.dir.path());
        let output = tokio::process::Command::new(binary("bellwether").unwrap())
            .args(args)
            .arg("--json")
            .env("DATABASE_URL", database)
            .env("VALKEY_URL", &self.valkey_url)
            .env("VALKEY_PREFIX", &self.prefix)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a worker process and waits until it is ready.
    pub(crate) async fn worker(&self, name: &str) -> WorkerProgram {
        self.worker_at(name, &self.valkey_url, &[]).await
    }

    /// Starts a worker process that reaches Valkey at another address.
    pub(crate) async fn worker_at(&self, name: &str, url: &str, extra: &[&str]) -> WorkerProgram {
        let mut worker = self.begin_worker(name, url, extra);
        let ready = worker.program.until_ready(worker.ops_port, "/readyz");
        ready.await.unwrap();
        worker
    }

    /// The same, without waiting for anything.
    pub(crate) fn begin_worker(&self, name: &str, url: &str, extra: &[&str]) -> WorkerProgram {
        let ops_port = free_port().unwrap();
        let ops = local(ops_port);
        let mut args = vec!["--ops-addr", &ops, "--database-url", &self.database_url];
        args.extend(["--valkey-url", url, "--valkey-prefix", &self.prefix]);
        // Short enough to be waited for, and long enough for a busy machine.
        args.extend(["--lock-duration", "3s", "--stalled-interval", "300ms"]);
        args.extend(extra);
        let program = Program::start(name, self.dir.path(), &args).unwrap();
        WorkerProgram { program, ops_port }
    }

    /// Starts a second web process on the same database and queues; its program, and the port of
    /// its API.
    pub(crate) async fn another_web(&self) -> (Program, u16) {
        let (api_port, ops_port) = (free_port().unwrap(), free_port().unwrap());
        let (api, ops) = (local(api_port), local(ops_port));
        let mut args = vec!["--http-addr", &api, "--ops-addr", &ops];
        args.extend(["--database-url", &self.database_url]);
        args.extend(["--valkey-url", &self.valkey_url]);
        args.extend(["--valkey-prefix", &self.prefix]);
        let mut web = Program::start("web", self.dir.path(), &args).unwrap();
        web.until_ready(ops_port, "/readyz").await.unwrap();
        (web, api_port)
    }

    pub(crate) async fn all_workers(&self) -> Vec<WorkerProgram> {
        let mut workers = Vec::new();
        for name in WORKERS {
            workers.push(self.worker(name).await);
        }
        workers
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.request_at(self.api_port, method, path, token, body)
            .await
    }

    /// A request to the API of one of several web processes.
    pub(crate) async fn request_at(
        &self,
        port: u16,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = format!("http://127.0.0.1:{port}{path}");
        let mut request = self
            .http
            .request(method, url)
            .timeout(Duration::from_secs(30));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Value {
        let (status, answer) = self.request(Method::POST, path, token, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer:#}");
        answer
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Value {
        let (status, answer) = self.request(Method::GET, path, Some(token), None).await;
        assert_eq!(status, StatusCode::OK, "{answer:#}");
        answer
    }

    /// Registers a curator and issues a token; their id and the token.
    pub(crate) async fn curator(&self, handle: &str) -> (String, String) {
        let account = json!({"handle": handle, "password": "correct horse battery"});
        let curator = self.post("/v1/curators", None, account.clone()).await;
        let token = self.post("/v1/tokens", None, account).await;
        (text(&curator["id"]), text(&token["token"]))
    }

    pub(crate) async fn follow(&self, token: &str, followee: &str) {
        let path = format!("/v1/follows/{followee}");
        let (status, answer) = self.request(Method::PUT, &path, Some(token), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer:#}");
    }

    /// Saves a URL; the card's id.
    pub(crate) async fn save(&self, token: &str, url: &str) -> String {
        let card = self
            .post("/v1/cards", Some(token), json!({"url": url}))
            .await;
        text(&card["id"])
    }

    /// The ids of the cards in a curator's home feed.
    pub(crate) async fn feed(&self, token: &str) -> Vec<String> {
        let feed = self.get("/v1/feeds/home?limit=100", token).await;
        let items = feed["items"].as_array().unwrap();
        items.iter().map(|item| text(&item["card"]["id"])).collect()
    }

    /// A curator's notifications, newest first, as the API shows them.
    pub(crate) async fn notifications(&self, token: &str) -> Vec<Value> {
        let list = self.get("/v1/notifications?limit=100", token).await;
        list["items"].as_array().unwrap().clone()
    }

    /// What a curator's notifications tell of: why, and of which card.
    pub(crate) async fn told(&self, token: &str) -> Vec<(String, Option<String>)> {
        let mut told = Vec::new();
        for notification in self.notifications(token).await {
            let (id, kind) = (text(&notification["id"]), text(&notification["kind"]));
            let path = format!("/v1/notifications/{id}/entries?limit=100");
            let request = self.request(Method::GET, &path, Some(token), None);
            let (status, entries) = request.await;
            if status == StatusCode::NOT_FOUND {
                // It was taken back meanwhile.
                continue;
            }
            for entry in entries["items"].as_array().unwrap() {
                let card = entry["card"]["id"].as_str().map(str::to_owned);
                told.push((kind.clone(), card));
            }
        }
        told
    }

    /// How often this kind of event was counted.
    pub(crate) async fn counted(&self, kind: &str, token: &str) -> u64 {
        let totals = self.get("/v1/analytics/totals", token).await;
        totals["byType"][kind].as_u64().unwrap_or(0)
    }

    /// Waits until the card is in the feed, told of and counted, and asserts that each is there
    /// exactly once.
    pub(crate) async fn until_arrived(&self, token: &str, card: &str, saved: u64) {
        eventually(
            "the card to arrive in feed, notifications and analytics",
            || async {
                let feed = self.feed(token).await.iter().any(|id| id == card);
                let told = self.told(token).await;
                let told = told.iter().any(|(_, about)| about.as_deref() == Some(card));
                let counted = self.counted("CardAddedToLibrary", token).await >= saved;
                (feed && told && counted).then_some(())
            },
        )
        .await;
        self.assert_once(token, card, saved).await;
    }

    pub(crate) async fn assert_once(&self, token: &str, card: &str, saved: u64) {
        let in_feed = self
            .feed(token)
            .await
            .iter()
            .filter(|id| *id == card)
            .count();
        let told = self.told(token).await;
        let told = told
            .iter()
            .filter(|(_, about)| about.as_deref() == Some(card))
            .count();
        let counted = self.counted("CardAddedToLibrary", token).await;
        assert_eq!(
            (in_feed, told, counted),
            (1, 1, saved),
            "in feed, told, counted"
        );
    }
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

pub(crate) fn database_url(dir: &Path) -> String {
    format!("sqlite://{}", dir.join("bellwether.db").display())
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}
