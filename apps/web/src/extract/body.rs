//! A body as JSON of a known form.

use std::fmt::Write;

use axum::body::Bytes;
use axum::body::HttpBody;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::App;
use crate::problem::{ApiError, FieldError, ProblemKind};

/// The body, read as JSON.
///
/// Its form is a struct that denies unknown fields and whose fields are all optional: what must be
/// there is for [`Fields`](crate::fields::Fields) to say, which names everything at once.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                ProblemKind::UnsupportedMediaType,
                "send the body with `Content-Type: application/json`",
            ));
        }
        let bytes = read(request, app).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned> OptionalFromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Option<Self>, ApiError> {
        // A body of no bytes has no media type either.
        if request.body().is_end_stream() {
            return Ok(None);
        }
        let read = <Self as FromRequest<App>>::from_request(request, app);
        read.await.map(Some)
    }
}

async fn read(request: Request, app: &App) -> Result<Bytes, ApiError> {
    let limits = app.limits;
    let reading = Bytes::from_request(request, app);
    let Ok(read) = tokio::time::timeout(limits.body_time, reading).await else {
        let detail = format!("the body must arrive within {:?}", limits.body_time);
        return Err(ApiError::new(ProblemKind::BodyTimedOut, detail));
    };
    read.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("the body must have at most {} bytes", limits.body_bytes);
            ApiError::new(ProblemKind::BodyTooLarge, detail)
        } else {
            ApiError::new(ProblemKind::UnreadableBody, "the body broke off")
        }
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let Some(content_type) = content_type.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    let subtype = subtype.to_ascii_lowercase();
    kind.eq_ignore_ascii_case("application") && (subtype == "json" || subtype.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A struct would be read from an array, too, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| malformed(&error))?;
        return Err(invalid("", "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| match error
        .inner()
        .classify()
    {
        Category::Data => invalid(&pointer(error.path()), &reason(error.inner())),
        Category::Syntax | Category::Eof | Category::Io => malformed(error.inner()),
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> ApiError {
    ApiError::new(
        ProblemKind::MalformedJson,
        format!("the body is not JSON: {error}"),
    )
}

fn invalid(pointer: &str, detail: &str) -> ApiError {
    ApiError::new(
        ProblemKind::InvalidBody,
        "the body is not of the form expected",
    )
    .with_errors([FieldError::at(pointer, detail)])
}

/// What is wrong, without the line and the column: the pointer says where.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// A path as a JSON Pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                // Writing to a string can't fail.
                let _ = write!(pointer, "/{index}");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        #[serde(default)]
        ids: Vec<u8>,
        #[serde(rename = "a/b~c")]
        odd: Option<String>,
    }

    fn place_and_detail(json: &str) -> String {
        let error = parse::<Form>(json.as_bytes()).unwrap_err();
        format!("{error:?}")
    }

    #[test]
    fn a_wrong_type_is_named_by_its_json_pointer() {
        let error = place_and_detail(r#"{"ids": [1, 2, "three"]}"#);
        assert!(error.contains(r#"Pointer("/ids/2")"#), "{error}");
        assert!(
            error.contains("invalid type: string \\\"three\\\", expected u8\""),
            "{error}"
        );
        let error = place_and_detail(r#"{"a/b~c": 1}"#);
        assert!(error.contains(r#"Pointer("/a~1b~0c")"#), "{error}");
    }

    #[test]
    fn an_unknown_field_is_named_by_its_json_pointer() {
        let error = place_and_detail(r#"{"ids": [], "colour": "red"}"#);
        assert!(error.contains(r#"Pointer("/colour")"#), "{error}");
        assert!(error.contains("unknown field"), "{error}");
    }

    #[test]
    fn json_of_another_kind_is_told_from_what_is_not_json() {
        for json in ["[]", "null", "\"text\"", " 12"] {
            let error = place_and_detail(json);
            assert!(error.contains("must be a JSON object"), "{json}: {error}");
        }
        for json in [
            "",
            "{",
            "ids=1",
            "{\"ids\": [1,]}",
            "{} {}",
            "[1",
            "{\"ids\":\u{0}}",
        ] {
            let error = place_and_detail(json);
            assert!(error.contains("MalformedJson"), "{json}: {error}");
        }
        let error = parse::<Form>(b"{\"a/b~c\": \"\xff\"}").unwrap_err();
        assert!(format!("{error:?}").contains("MalformedJson"), "{error:?}");
    }

    #[test]
    fn json_may_have_parameters_and_suffixes() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        assert!(is_json(&headers("application/json")));
        assert!(is_json(&headers("Application/JSON; charset=utf-8")));
        assert!(is_json(&headers("application/merge-patch+json")));
        assert!(!is_json(&headers("text/plain")));
        assert!(!is_json(&headers("text/json")));
        assert!(!is_json(&headers("application/jsonish")));
        assert!(!is_json(&headers("")));
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn what_is_right_is_read() {
        let form: Form = parse(b" {\"ids\": [1], \"a/b~c\": null}\n").unwrap();
        assert_eq!((form.ids, form.odd), (vec![1], None));
    }
}
