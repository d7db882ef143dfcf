//! The API over storage in memory, and answers that can be compared with a snapshot.

mod answer;
mod passwords;
mod storage;

use std::sync::Arc;

use application::analytics::Analytics;
use application::cards::Cards;
use application::curators::Curators;
use application::dead_letters::DeadLetters;
use application::events::in_process::InProcessPublisher;
use application::feeds::Feeds;
use application::jobs::{CancelJob, Jobs};
use application::notifications::Notifications;
use application::operators::AdminToken;
use application::rates::{RateLimit, Rates};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use domain::curators::PasswordHasher;
use domain::{Clock, EventEnvelope, EventPublisher, Store};
use serde_json::{Value, json};
use telemetry::metrics::{HttpMetrics, Metrics};
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;
use tower::ServiceExt;
use web::{App, Limits};

pub(crate) use answer::{Answer, redacted};
pub(crate) use passwords::{HANGS, PANICS, PlainPasswords};
pub(crate) use storage::Away;

/// A password that everybody in these tests has.
pub(crate) const PASSWORD: &str = "correct horse";

/// The API, and what stands behind it.
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) clock: FixedClock,
    pub(crate) metrics: Metrics,
    app: App,
    store: MemoryStore,
}

/// A registered curator with a token.
pub(crate) struct Caller {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let store = MemoryStore::new();
        Self::build(
            store.clone(),
            Arc::new(store),
            Arc::new(PlainPasswords),
            limits,
        )
    }

    /// The same, with a limit on how often one may try to sign in.
    pub(crate) fn limiting_sign_ins(limit: RateLimit) -> Self {
        let mut api = Self::new();
        let clock: Arc<dyn Clock> = Arc::new(api.clock.clone());
        let rates = Rates::of_this_process(Arc::clone(&clock));
        let passwords = Arc::new(PlainPasswords);
        let curators = Curators::new(Arc::new(api.store.clone()), clock, passwords);
        api.app.curators = curators.limiting_sign_ins(rates, limit);
        api.router = web::router(api.app.clone());
        api
    }

    /// With a token for operators, and these jobs if there are queues.
    pub(crate) fn with_operators(token: &str, jobs: Option<Arc<dyn Jobs>>) -> Self {
        let mut api = Self::new();
        api.app.operators = Some(AdminToken::parse(token).unwrap());
        let (store, clock) = (api.store.clone(), api.clock.clone());
        api.app.jobs = jobs.map(|jobs| {
            let letters = DeadLetters::new(Arc::new(store), Arc::new(clock));
            CancelJob::new(jobs, letters)
        });
        api.router = web::router(api.app.clone());
        api
    }

    /// The same storage, but `away` as the API sees it from now on.
    pub(crate) fn losing_storage(&self, away: Away) -> Self {
        let lost = Arc::new(away.of(self.store.clone()));
        let passwords = Arc::new(PlainPasswords);
        Self::build(self.store.clone(), lost, passwords, Limits::default())
    }

    /// With the passwords of production, which are slow.
    pub(crate) fn with_passwords(passwords: Arc<dyn PasswordHasher>) -> Self {
        let store = MemoryStore::new();
        Self::build(store.clone(), Arc::new(store), passwords, Limits::default())
    }

    fn build(
        store: MemoryStore,
        seen: Arc<dyn Store>,
        passwords: Arc<dyn PasswordHasher>,
        limits: Limits,
    ) -> Self {
        let fixed = FixedClock::default();
        let clock: Arc<dyn Clock> = Arc::new(fixed.clone());
        let mut metrics = Metrics::new();
        let app = App {
            curators: Curators::new(Arc::clone(&seen), Arc::clone(&clock), passwords),
            cards: Cards::new(Arc::clone(&seen), Arc::clone(&clock)),
            feeds: Feeds::new(Arc::clone(&seen)),
            notifications: Notifications::new(Arc::clone(&seen), Arc::clone(&clock)),
            analytics: Analytics::new(seen),
            rates: Rates::of_this_process(Arc::clone(&clock)),
            clock,
            jobs: None,
            operators: None,
            metrics: HttpMetrics::register(&mut metrics),
            limits,
        };
        Self {
            router: web::router(app.clone()),
            app,
            clock: fixed,
            metrics,
            store,
        }
    }

    /// Every event that was raised.
    pub(crate) fn events(&self) -> Vec<EventEnvelope> {
        self.store.events()
    }

    /// Lets the handlers act on every event, as the workers would.
    pub(crate) async fn handle_events(&self) {
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let publisher = InProcessPublisher::new(&store, &clock);
        publisher.publish(&self.events()).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        Answer::read(response).await
    }

    /// A request of somebody without a token.
    pub(crate) async fn anonymous(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.send(request(method, path, None, body)).await
    }

    pub(crate) async fn get(&self, caller: &Caller, path: &str) -> Answer {
        self.send(request(Method::GET, path, Some(&caller.token), None))
            .await
    }

    pub(crate) async fn post(&self, caller: &Caller, path: &str, body: Value) -> Answer {
        self.send(request(Method::POST, path, Some(&caller.token), Some(body)))
            .await
    }

    pub(crate) async fn put(&self, caller: &Caller, path: &str) -> Answer {
        self.send(request(Method::PUT, path, Some(&caller.token), None))
            .await
    }

    pub(crate) async fn delete(&self, caller: &Caller, path: &str) -> Answer {
        self.send(request(Method::DELETE, path, Some(&caller.token), None))
            .await
    }

    /// Registers a curator and signs in.
    pub(crate) async fn curator(&self, handle: &str) -> Caller {
        let account = json!({"handle": handle, "password": PASSWORD});
        let registered = self
            .anonymous(Method::POST, "/v1/curators", Some(account.clone()))
            .await;
        let issued = self
            .anonymous(Method::POST, "/v1/tokens", Some(account))
            .await;
        Caller {
            id: registered.text_at("/id"),
            token: issued.text_at("/token"),
        }
    }

    /// Saves a URL; the id of the card.
    pub(crate) async fn save_url(&self, caller: &Caller, url: &str) -> String {
        let saved = self.post(caller, "/v1/cards", json!({"url": url})).await;
        saved.text_at("/id")
    }

    /// Lets one curator follow another.
    pub(crate) async fn follow(&self, caller: &Caller, other: &Caller) {
        let answer = self.put(caller, &format!("/v1/follows/{}", other.id)).await;
        assert_eq!(answer.status, 204);
    }
}

/// A request as the clients of the API send it.
pub(crate) fn request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    match body {
        Some(json) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json.to_string())),
        None => request.body(Body::empty()),
    }
    .unwrap()
}
