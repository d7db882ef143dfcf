//! Curators who save and remove cards, and note what they were told.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Curators who save.
const AUTHORS: usize = 8;

/// Curators who follow.
const READERS: usize = 4;

/// How many followers each author has: every second reader.
pub(crate) const FOLLOWERS: u64 = READERS as u64 / 2;

/// One card in so many is removed again.
const REMOVED: u64 = 50;

/// How many events may wait for their handlers before no more are raised.
const MOST_WAITING: u64 = 1000;

const PAUSE: Duration = Duration::from_millis(50);

/// What the curators were told, and what they share.
#[derive(Default)]
pub(crate) struct Told {
    /// Cards that were accepted.
    saved: Mutex<Vec<Uuid>>,
    /// Removals that were accepted.
    removed: Mutex<Vec<Uuid>>,
    /// Requests that were answered with another status.
    pub(crate) refused: AtomicU64,
    /// Requests without an answer: what was asked may have happened.
    pub(crate) unanswered: AtomicU64,
    accepted: AtomicU64,
    /// Events that wait for their handlers.
    pub(crate) waiting: AtomicU64,
    next: AtomicUsize,
}

impl Told {
    /// How many events were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Notes a card that was accepted.
    pub(crate) fn accept_card(&self, id: Uuid) {
        lock(&self.saved).push(id);
        self.accepted.fetch_add(1, Ordering::SeqCst);
    }

    /// The ids of the cards that were accepted, and of those whose removal was.
    pub(crate) fn cards(&self) -> (Vec<Uuid>, Vec<Uuid>) {
        (lock(&self.saved).clone(), lock(&self.removed).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The load on a system.
pub(crate) struct Load {
    http: reqwest::Client,
    apis: Vec<u16>,
    authors: Vec<String>,
    pace: Duration,
}

impl Load {
    /// Registers the curators, and lets the readers follow the authors.
    pub(crate) async fn prepare(apis: Vec<u16>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        let mut load = Self {
            http,
            apis,
            authors: Vec::new(),
            pace: Duration::ZERO,
        };
        let mut ids = Vec::new();
        for number in 0..AUTHORS {
            let (id, token) = load.curator(&format!("author{number}")).await?;
            ids.push(id);
            load.authors.push(token);
        }
        for reader in 0..READERS {
            let (_, token) = load.curator(&format!("reader{reader}")).await?;
            let followed = ids.iter().enumerate();
            for (_, id) in followed.filter(|(author, _)| author % 2 == reader % 2) {
                let path = format!("/v1/follows/{id}");
                load.must(Method::PUT, &path, Some(&token), None).await?;
            }
        }
        Ok(load)
    }

    /// The same, with each author waiting for so long after a card.
    pub(crate) fn paced(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Raises events until so many were accepted.
    pub(crate) async fn run(self, events: u64, told: Arc<Told>) {
        let load = Arc::new(self);
        let mut authors = JoinSet::new();
        for token in load.authors.clone() {
            let (load, told) = (Arc::clone(&load), Arc::clone(&told));
            authors.spawn(async move { load.save_until(events, &token, &told).await });
        }
        authors.join_all().await;
    }

    async fn save_until(&self, events: u64, token: &str, told: &Told) {
        let mut saved = 0;
        while told.accepted() < events {
            if told.waiting.load(Ordering::Relaxed) > MOST_WAITING {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let url = format!("https://example.org/{}", Uuid::new_v4().simple());
            let body = json!({"url": url});
            let answer = self.ask(told, Method::POST, "/v1/cards", token, Some(body));
            let Some((StatusCode::CREATED, card)) = answer.await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let Some(id) = card["id"].as_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            told.accept_card(id);
            saved += 1;
            tokio::time::sleep(self.pace).await;
            if saved % REMOVED == 0 {
                let path = format!("/v1/cards/{id}");
                let answer = self.ask(told, Method::DELETE, &path, token, None).await;
                if let Some((StatusCode::NO_CONTENT, _)) = answer {
                    told.accepted.fetch_add(1, Ordering::SeqCst);
                    lock(&told.removed).push(id);
                }
            }
        }
    }

    /// A request that may fail; its answer, if it was one that accepts.
    async fn ask(
        &self,
        told: &Told,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Option<(StatusCode, Value)> {
        let turn = told.next.fetch_add(1, Ordering::Relaxed);
        let api = self.apis[turn % self.apis.len()];
        match self.send(api, method, path, Some(token), body).await {
            Ok((status, answer)) if status.is_success() => Some((status, answer)),
            Ok(_) => {
                told.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(_) => {
                told.unanswered.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    async fn curator(&self, handle: &str) -> Result<(String, String)> {
        let account = json!({"handle": handle, "password": "correct horse battery"});
        let curator = self.must(Method::POST, "/v1/curators", None, Some(account.clone()));
        let curator = curator.await?;
        let token = self.must(Method::POST, "/v1/tokens", None, Some(account));
        let token = token.await?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        text(&curator["id"])
            .zip(text(&token["token"]))
            .context("a curator has an id and a token")
    }

    async fn must(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value> {
        let (status, answer) = self.send(self.apis[0], method, path, token, body).await?;
        if !status.is_success() {
            bail!("{path} was answered with {status}: {answer}");
        }
        Ok(answer)
    }

    async fn send(
        &self,
        api: u16,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value)> {
        let url = format!("http://127.0.0.1:{api}{path}");
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let body = response.text().await?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
    }
}
