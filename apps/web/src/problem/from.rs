//! Which problem an error of a use case is.

use application::cards::CardError;
use application::curators::CuratorError;
use application::jobs::CancelError;
use axum::http::{HeaderValue, header};
use domain::StoreError;

use super::{ApiError, FieldError, ProblemKind};
use crate::extract::challenge;
use crate::rate;

/// How many seconds a client waits before it tries again.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::new(
                ProblemKind::Conflict,
                format!("the {what} was changed at the same time; try again"),
            ),
            StoreError::Unavailable(_) => Self::new(
                ProblemKind::StorageUnavailable,
                "storage does not answer; try again later",
            )
            .with_header(header::RETRY_AFTER, RETRY_AFTER)
            .caused_by(error),
            StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

impl From<CuratorError> for ApiError {
    fn from(error: CuratorError) -> Self {
        let detail = error.to_string();
        match error {
            CuratorError::HandleTaken => Self::new(ProblemKind::HandleTaken, &detail)
                .with_errors([FieldError::at("/handle", "is taken")]),
            CuratorError::WrongCredentials => Self::new(ProblemKind::WrongCredentials, detail)
                .with_header(header::WWW_AUTHENTICATE, challenge::NONE_GIVEN),
            CuratorError::TooManyAttempts { again_in } => {
                Self::new(ProblemKind::TooManyAttempts, detail)
                    .with_header(header::RETRY_AFTER, rate::seconds(again_in))
            }
            CuratorError::UnknownCurator => Self::new(ProblemKind::UnknownCurator, detail),
            CuratorError::UnknownToken => Self::new(ProblemKind::UnknownToken, detail),
            CuratorError::Follow(_) => Self::new(ProblemKind::FollowOneself, &detail)
                .with_errors([FieldError::parameter("curatorId", "is your own id")]),
            CuratorError::Store(error) => error.into(),
            CuratorError::Secrets(_) => Self::internal(error),
        }
    }
}

impl From<CardError> for ApiError {
    fn from(error: CardError) -> Self {
        let detail = error.to_string();
        match error {
            CardError::AlreadySaved(card) => {
                let problem = Self::new(ProblemKind::AlreadySaved, detail)
                    .with_errors([FieldError::at("/url", "is in your library already")]);
                match HeaderValue::try_from(format!("/v1/cards/{card}")) {
                    Ok(location) => problem.with_header(header::LOCATION, location),
                    Err(_) => problem,
                }
            }
            CardError::Unknown | CardError::NotInLibrary => {
                Self::new(ProblemKind::UnknownCard, detail)
            }
            CardError::Store(error) => error.into(),
        }
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        let detail = error.to_string();
        match error {
            CancelError::Unknown { .. } => Self::new(ProblemKind::UnknownJob, detail),
            CancelError::Finished(_) => Self::new(ProblemKind::AlreadyFinished, detail),
            CancelError::Refused(_) => Self::new(ProblemKind::Conflict, detail),
            CancelError::Reason => Self::new(
                ProblemKind::InvalidBody,
                "the body is not of the form expected",
            )
            .with_errors([FieldError::at("/reason", detail)]),
            CancelError::Unavailable(_) => Self::new(
                ProblemKind::QueuesUnavailable,
                "the queues do not answer; try again later",
            )
            .with_header(header::RETRY_AFTER, RETRY_AFTER)
            .caused_by(error),
            CancelError::Store(error) => error.into(),
        }
    }
}
