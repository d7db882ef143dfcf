//! `/v1/analytics`: how often what happened.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use domain::EventKind;
use domain::analytics::DailyCount;
use serde::Serialize;

use crate::App;
use crate::extract::Authenticated;
use crate::problem::ApiError;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/v1/analytics/totals", get(totals))
}

/// The counts: in all, of every type there is, and a line for each day and type that has any.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TotalsBody {
    total: u64,
    by_type: BTreeMap<&'static str, u64>,
    by_day: Vec<DayBody>,
}

#[derive(Debug, Serialize)]
struct DayBody {
    day: String,
    #[serde(rename = "type")]
    kind: &'static str,
    count: u64,
}

impl From<Vec<DailyCount>> for TotalsBody {
    fn from(daily: Vec<DailyCount>) -> Self {
        let none = EventKind::ALL.iter().map(|kind| (kind.as_str(), 0));
        let mut by_type: BTreeMap<_, _> = none.collect();
        let mut by_day = Vec::with_capacity(daily.len());
        for DailyCount { day, kind, count } in daily {
            let kind = kind.as_str();
            *by_type.entry(kind).or_default() += count;
            by_day.push(DayBody { day, kind, count });
        }
        Self {
            total: by_type.values().sum(),
            by_type,
            by_day,
        }
    }
}

async fn totals(State(app): State<App>, _: Authenticated) -> Result<Json<TotalsBody>, ApiError> {
    let daily = app.analytics.daily().await?;
    Ok(Json(daily.into()))
}
