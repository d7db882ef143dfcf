//! `/v1/tokens`: signing in, and signing out.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use domain::UnixMillis;
use domain::curators::{ApiToken, Handle, Password, TokenId, TokenName};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::extract::{Authenticated, Body, Id};
use crate::fields::Fields;
use crate::page::List;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/tokens", post(issue).get(list))
        .route("/v1/tokens/{id}", delete(revoke))
}

/// What a token is called that its owner gave no name.
const DEFAULT_NAME: &str = "api";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credentials {
    handle: Option<String>,
    password: Option<String>,
    name: Option<String>,
}

/// A token as the API shows one: never the secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenBody {
    id: TokenId,
    name: TokenName,
    prefix: String,
    issued_at: UnixMillis,
}

/// A new token, with the secret.
#[derive(Serialize)]
struct IssuedBody<'a> {
    #[serde(flatten)]
    token: TokenBody,
    #[serde(rename = "token")]
    secret: &'a str,
}

impl From<ApiToken> for TokenBody {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            issued_at: token.issued_at,
        }
    }
}

impl Credentials {
    fn parse(self) -> Result<(Handle, Password, TokenName), ApiError> {
        let mut fields = Fields::default();
        let name = self.name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
        let handle = fields.required("/handle", self.handle, |raw| Handle::parse(&raw));
        let password = fields.required("/password", self.password, Password::parse);
        let name = fields.required("/name", Some(name), |raw| TokenName::parse(&raw));
        match (handle, password, name) {
            (Some(handle), Some(password), Some(name)) => Ok((handle, password, name)),
            _ => Err(fields.into_error()),
        }
    }
}

async fn issue(
    State(app): State<App>,
    Body(body): Body<Credentials>,
) -> Result<Response, ApiError> {
    let (handle, password, name) = body.parse()?;
    let (token, secret) = app.curators.issue_token(&handle, password, name).await?;
    let body = IssuedBody {
        token: token.into(),
        secret: secret.expose(),
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(body)).into_response())
}

async fn list(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
) -> Result<Json<List<TokenBody>>, ApiError> {
    let tokens = app.curators.tokens(curator).await?;
    Ok(Json(List::whole(tokens.into_iter().map(TokenBody::from))))
}

async fn revoke(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
    Id(token): Id<TokenId>,
) -> Result<StatusCode, ApiError> {
    app.curators.revoke_token(curator, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
