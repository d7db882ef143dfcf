//! The kinds of problems; a client may rely on their codes.

use axum::http::StatusCode;

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $title:literal;)+) => {
        /// A kind of problem: what it is called, and the status it is answered with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $name,)+
        }

        impl ProblemKind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable name.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What it is called; the same for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// The status it is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }
        }
    };
}

problem_kinds! {
    /// The body is not JSON at all.
    MalformedJson = BAD_REQUEST "malformed-json" "The body is not JSON";
    /// The body is JSON, but not what was expected; `errors` says where.
    InvalidBody = BAD_REQUEST "invalid-body" "The body is not valid";
    /// The body broke off.
    UnreadableBody = BAD_REQUEST "unreadable-body" "The body could not be read";
    /// A parameter of the path or the query is not valid; `errors` names it.
    InvalidParameter = BAD_REQUEST "invalid-parameter" "A parameter is not valid";
    /// A curator asked to follow themselves.
    FollowOneself = BAD_REQUEST "follow-oneself" "Nobody follows themselves";
    /// There is no token, or it is of no use.
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A valid token is needed";
    /// No curator has this handle and password.
    WrongCredentials = UNAUTHORIZED "wrong-credentials" "Handle or password is wrong";
    /// Nothing is at this path.
    UnknownRoute = NOT_FOUND "unknown-route" "There is nothing here";
    /// There is no such curator.
    UnknownCurator = NOT_FOUND "unknown-curator" "There is no such curator";
    /// There is no such card, or none that the caller may change.
    UnknownCard = NOT_FOUND "unknown-card" "There is no such card";
    /// The caller has no such notification.
    UnknownNotification = NOT_FOUND "unknown-notification" "There is no such notification";
    /// The caller has no such token.
    UnknownToken = NOT_FOUND "unknown-token" "There is no such token";
    /// There is no such queue, or none at all in this process.
    UnknownQueue = NOT_FOUND "unknown-queue" "There is no such queue";
    /// There is no such job.
    UnknownJob = NOT_FOUND "unknown-job" "There is no such job";
    /// The path is right and the method is not; `Allow` says which are.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed" "This method is not allowed here";
    /// The client took too long to send its body.
    BodyTimedOut = REQUEST_TIMEOUT "body-timed-out" "The body took too long to arrive";
    /// Somebody has this handle.
    HandleTaken = CONFLICT "handle-taken" "This handle is taken";
    /// The caller's library has this URL; `Location` says which card it is.
    AlreadySaved = CONFLICT "already-saved" "This URL is saved already";
    /// Something else changed the same at the same time.
    Conflict = CONFLICT "conflict" "Something else changed this at the same time";
    /// The job has completed or failed.
    AlreadyFinished = CONFLICT "already-finished" "This job has finished already";
    /// The body has too many bytes.
    BodyTooLarge = PAYLOAD_TOO_LARGE "body-too-large" "The body is too large";
    /// The body is of another media type than JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body must be JSON";
    /// The path and the query have too many bytes.
    TargetTooLong = URI_TOO_LONG "target-too-long" "The path and the query are too long";
    /// The header fields have too many bytes.
    HeadersTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE "headers-too-large" "The header fields are too large";
    /// The token has made too many requests; `Retry-After` says when it may make another.
    TooManyRequests = TOO_MANY_REQUESTS "too-many-requests" "There were too many requests";
    /// There were too many attempts to sign in; `Retry-After` says when there may be another.
    TooManyAttempts = TOO_MANY_REQUESTS "too-many-attempts" "There were too many attempts to sign in";
    /// Something is broken here.
    Internal = INTERNAL_SERVER_ERROR "internal" "Something is broken here";
    /// Storage does not answer; `Retry-After` says when to try again.
    StorageUnavailable = SERVICE_UNAVAILABLE "storage-unavailable" "Storage does not answer";
    /// The queues do not answer; `Retry-After` says when to try again.
    QueuesUnavailable = SERVICE_UNAVAILABLE "queues-unavailable" "The queues do not answer";
    /// The request took too long; `Retry-After` says when to try again.
    TimedOut = SERVICE_UNAVAILABLE "timed-out" "This took too long";
}

impl ProblemKind {
    /// What identifies it, relative to the API.
    pub fn type_uri(self) -> String {
        format!("/problems/{}", self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_is_an_error_with_a_code_of_its_own() {
        let codes: HashSet<_> = ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ProblemKind::ALL.len());
        for kind in ProblemKind::ALL {
            let status = kind.status();
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{kind:?}"
            );
            let is_kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(kind.code().chars().all(is_kebab), "{kind:?}");
        }
    }
}
