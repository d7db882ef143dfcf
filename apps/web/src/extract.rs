//! Extractors: what handlers ask of a request. Each refuses with a problem document.

mod authenticated;
mod body;
pub(crate) mod challenge;
mod id;
mod operator;
mod origin;
mod query;

pub(crate) use authenticated::Authenticated;
pub(crate) use body::Body;
pub(crate) use id::Id;
pub(crate) use operator::Operator;
pub(crate) use origin::RequestOrigin;
pub(crate) use query::Query;
