//! The HTTP API, as a client sees it: requests, how long they take, and what went wrong with them.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// A server, and who asks it.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    base: Url,
    token: Option<String>,
}

/// What was answered, how long that took, and when it was there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<T> {
    /// The body.
    pub(crate) body: T,
    /// From sending the request to having the whole answer.
    pub(crate) took: Duration,
    /// When the answer was there.
    pub(crate) at: Instant,
}

/// The parts of a problem document (RFC 9457) that say what to do about it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
    trace_id: Option<String>,
}

#[derive(Deserialize)]
struct FieldProblem {
    pointer: Option<String>,
    parameter: Option<String>,
    detail: Option<String>,
}

impl Api {
    /// The server at an address that ends with a slash. Nothing is sent yet.
    pub(crate) fn at(base: Url) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // A token is for the server at this address and no other.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .context("no HTTP client can be made")?;
        Ok(Self {
            client,
            base,
            token: None,
        })
    }

    /// The same server, asked by the owner of a token.
    pub(crate) fn with_token(&self, token: String) -> Self {
        Self {
            token: Some(token),
            ..self.clone()
        }
    }

    /// Fetches something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Answer<T>> {
        let call = Call::new(self, Method::GET, path)?;
        call.send(None, StatusCode::OK).await?.read(&call)
    }

    /// Makes something, which is answered with 201.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Answer<T>> {
        let call = Call::new(self, Method::POST, path)?;
        call.send(Some(body), StatusCode::CREATED)
            .await?
            .read(&call)
    }

    /// Puts or deletes something, which is answered with 204.
    pub(crate) async fn change(&self, method: Method, path: &str) -> anyhow::Result<Answer<()>> {
        let call = Call::new(self, method, path)?;
        let Answer { took, at, .. } = call.send(None, StatusCode::NO_CONTENT).await?;
        Ok(Answer { body: (), took, at })
    }
}

/// A request, with what to call it when it goes wrong.
struct Call<'a> {
    api: &'a Api,
    method: Method,
    path: &'a str,
    url: Url,
}

impl<'a> Call<'a> {
    fn new(api: &'a Api, method: Method, path: &'a str) -> anyhow::Result<Self> {
        let url = api
            .base
            .join(path)
            .with_context(|| format!("`{path}` is no path"))?;
        Ok(Self {
            api,
            method,
            path,
            url,
        })
    }

    async fn send(
        &self,
        body: Option<&Value>,
        expected: StatusCode,
    ) -> anyhow::Result<Answer<Vec<u8>>> {
        let mut request = self
            .api
            .client
            .request(self.method.clone(), self.url.clone());
        if let Some(token) = &self.api.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = Instant::now();
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        if response.status() != expected {
            bail!("{}", self.refusal(response).await);
        }
        let body = response.bytes().await.map_err(|error| self.lost(&error))?;
        let at = Instant::now();
        Ok(Answer {
            body: body.into(),
            took: at - sent,
            at,
        })
    }

    fn lost(&self, error: &reqwest::Error) -> anyhow::Error {
        let base = &self.api.base;
        let cause = root_cause(error);
        if error.is_connect() {
            anyhow!(
                "nothing answers at {base}: {cause}; start Bellwether with scripts/up, or say where it is with --url"
            )
        } else if error.is_timeout() {
            anyhow!(
                "{self} was not answered within {} seconds",
                REQUEST_TIMEOUT.as_secs()
            )
        } else {
            anyhow!("{self} was not answered: {cause}")
        }
    }

    async fn refusal(&self, response: Response) -> String {
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_problem = content_type
            .is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"));
        let body = response.bytes().await.unwrap_or_default();
        let problem = serde_json::from_slice::<Problem>(&body)
            .ok()
            .filter(|_| is_problem);
        match problem {
            Some(problem) => format!("{self} was answered with {status}: {}", problem.in_words()),
            None => format!(
                "{self} was answered with {status} and no reason; is Bellwether's web process at {}?",
                self.api.base
            ),
        }
    }
}

impl std::fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} /{}", self.method, self.path)
    }
}

impl Answer<Vec<u8>> {
    fn read<T: DeserializeOwned>(self, call: &Call<'_>) -> anyhow::Result<Answer<T>> {
        let body = serde_json::from_slice(&self.body)
            .with_context(|| format!("{call} was answered with something unexpected"))?;
        Ok(Answer {
            body,
            took: self.took,
            at: self.at,
        })
    }
}

impl Problem {
    fn in_words(self) -> String {
        let what = self.detail.or(self.title);
        let mut words = what.unwrap_or_else(|| "without a reason".to_owned());
        for error in self.errors {
            let place = error.pointer.or(error.parameter).unwrap_or_default();
            let detail = error.detail.unwrap_or_default();
            words = format!("{words}; {place} {detail}");
        }
        match self.trace_id {
            Some(id) => format!("{words} (trace {id})"),
            None => words,
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
