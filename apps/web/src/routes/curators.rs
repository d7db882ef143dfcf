//! `/v1/curators` and `/v1/me`: accounts.

use application::curators::Registration;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::UnixMillis;
use domain::curators::{Curator, CuratorId, DisplayName, Handle, Password};
use serde::{Deserialize, Serialize};

use super::created;
use crate::App;
use crate::extract::{Authenticated, Body, Id, Query, RequestOrigin};
use crate::fields::Fields;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/curators", post(register).get(find_by_handle))
        .route("/v1/curators/{id}", get(show))
        .route("/v1/me", get(me))
}

/// A curator as the API shows one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CuratorBody {
    id: CuratorId,
    handle: Handle,
    display_name: DisplayName,
    registered_at: UnixMillis,
}

impl From<Curator> for CuratorBody {
    fn from(curator: Curator) -> Self {
        Self {
            id: curator.id,
            handle: curator.handle,
            display_name: curator.display_name,
            registered_at: curator.registered_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewCurator {
    handle: Option<String>,
    display_name: Option<String>,
    password: Option<String>,
}

impl NewCurator {
    fn into_registration(self) -> Result<Registration, ApiError> {
        let mut fields = Fields::default();
        let handle = fields.required("/handle", self.handle, |raw| Handle::parse(&raw));
        let display_name = fields.optional("/displayName", self.display_name, |raw| {
            DisplayName::parse(&raw)
        });
        let password = fields.required("/password", self.password, Password::parse);
        let (Some(handle), Some(display_name), Some(password)) = (handle, display_name, password)
        else {
            return Err(fields.into_error());
        };
        let display_name = match display_name {
            Some(name) => name,
            None => DisplayName::parse(handle.as_str()).map_err(ApiError::internal)?,
        };
        Ok(Registration {
            handle,
            display_name,
            password,
        })
    }
}

async fn register(
    State(app): State<App>,
    RequestOrigin(origin): RequestOrigin,
    Body(body): Body<NewCurator>,
) -> Result<Response, ApiError> {
    let registration = body.into_registration()?;
    let curator = app.curators.register(registration, origin).await?;
    let location = format!("/v1/curators/{}", curator.id);
    Ok(created(&location, CuratorBody::from(curator)))
}

async fn show(
    State(app): State<App>,
    _: Authenticated,
    Id(id): Id<CuratorId>,
) -> Result<Json<CuratorBody>, ApiError> {
    let curator = app.curators.find(id).await?;
    Ok(Json(curator.into()))
}

async fn me(
    State(app): State<App>,
    Authenticated(curator): Authenticated,
) -> Result<Json<CuratorBody>, ApiError> {
    let curator = app.curators.find(curator).await?;
    Ok(Json(curator.into()))
}

/// The handle in `?handle=ada`.
struct ByHandle(Handle);

impl FromRequestParts<App> for ByHandle {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let mut query = Query::of(parts);
        let handle = query.required("handle", Handle::parse);
        query.finish()?;
        handle
            .map(Self)
            .ok_or_else(|| ApiError::internal("a handle was neither read nor refused"))
    }
}

/// A handle is unique, so this is a look-up and not a search: the one curator, or 404.
async fn find_by_handle(
    State(app): State<App>,
    _: Authenticated,
    ByHandle(handle): ByHandle,
) -> Result<Json<CuratorBody>, ApiError> {
    let curator = app.curators.find_by_handle(&handle).await?;
    Ok(Json(curator.into()))
}
