//! A URL that may be saved.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// An absolute `http` or `https` URL of at most 2,048 characters, without a user name or password.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Link(Url);

/// Why a text is not a URL that may be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Too many characters.
    #[error("must have at most {max} characters, and has {length}", max = Link::MAX_LENGTH)]
    TooLong {
        /// The characters given.
        length: usize,
    },
    /// A control character or white space inside, which a parser would silently drop.
    #[error("must not contain control characters or spaces")]
    Character,
    /// Not an absolute URL at all.
    #[error("is not an absolute URL: {0}")]
    Syntax(String),
    /// A scheme other than http and https.
    #[error("must start with `http://` or `https://`, and starts with `{0}:`")]
    Scheme(String),
    /// A user name or password before the host.
    #[error("must not contain a user name or a password")]
    Userinfo,
}

impl Link {
    /// The most characters a URL may have.
    pub const MAX_LENGTH: usize = 2048;

    /// Reads a URL; the host is made small and a default port dropped, as browsers do.
    pub fn parse(raw: &str) -> Result<Self, LinkError> {
        let raw = raw.trim_matches(' ');
        let length = raw.chars().count();
        if length > Self::MAX_LENGTH {
            return Err(LinkError::TooLong { length });
        }
        // The URL standard tells parsers to drop tabs and line breaks; what a person sees must be
        // what is opened, so they are refused instead.
        if raw.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(LinkError::Character);
        }
        let url = Url::parse(raw).map_err(|error| LinkError::Syntax(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(LinkError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(LinkError::Userinfo);
        }
        // Percent-encoding can make a URL longer than what was typed.
        let length = url.as_str().chars().count();
        if length > Self::MAX_LENGTH {
            return Err(LinkError::TooLong { length });
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What two URLs that lead to the same page have in common: the URL without its fragment.
    pub fn canonical(&self) -> String {
        let mut url = self.0.clone();
        url.set_fragment(None);
        url.into()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Link {
    type Error = LinkError;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        Self::parse(&raw)
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.0.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_page_has_one_canonical_form() {
        let link = Link::parse("HTTPS://Example.org:443/a?b=c#d").unwrap();
        assert_eq!(link.as_str(), "https://example.org/a?b=c#d");
        assert_eq!(link.canonical(), "https://example.org/a?b=c");
    }

    #[test]
    fn a_broken_rule_is_named() {
        let error = |raw: &str| Link::parse(raw).unwrap_err();
        assert_eq!(
            error("javascript:alert(1)"),
            LinkError::Scheme("javascript".to_owned())
        );
        assert_eq!(
            error("ftp://example.org/"),
            LinkError::Scheme("ftp".to_owned())
        );
        assert_eq!(
            error("https://ada:secret@example.org/"),
            LinkError::Userinfo
        );
        assert_eq!(error("https://exa\tmple.org/"), LinkError::Character);
        assert_eq!(error("https://example.org/a b"), LinkError::Character);
        assert_eq!(error("https://example.org/\u{0}"), LinkError::Character);
        assert!(matches!(error("example.org"), LinkError::Syntax(_)));
        assert!(matches!(error("https://"), LinkError::Syntax(_)));
        let long = format!("https://example.org/{}", "a".repeat(2048));
        assert_eq!(error(&long), LinkError::TooLong { length: 2068 });
        let grows = format!("https://example.org/{}", "ä".repeat(2000));
        assert!(matches!(error(&grows), LinkError::TooLong { .. }));
    }

    proptest! {
        #[test]
        fn a_parsed_link_parses_to_itself(raw in "https?://[a-z0-9.]{1,20}(/[!-~]{0,30})?") {
            if let Ok(link) = Link::parse(&raw) {
                prop_assert_eq!(Link::parse(link.as_str()).unwrap(), link);
            }
        }

        #[test]
        fn no_text_makes_it_panic(raw in "\\PC{0,200}") {
            let _ = Link::parse(&raw);
        }
    }
}
