//! `bellwether demo`.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use process::settings::duration;
use reqwest::Url;

use crate::demo::bookmarks::Bookmarks;
use crate::demo::narrator::{Narrator, Style};
use crate::demo::report::{Report, Source};
use crate::demo::{self, Plan};

/// The bookmarks that come with the program.
const OWN_BOOKMARKS: &str = include_str!("../../../../demo/bookmarks.html");

/// Plays a real flow through a running Bellwether, and shows what arrived where and when
///
/// Three curators register; one saves the links of a bookmark file, one follows her, and one has
/// saved one of the links before. The exit code is 0 if feed, notifications and analytics all
/// arrived, each exactly once, and 1 if not.
///
/// What it registers and saves stays, as the API has no way to delete an account.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The address of the web process
    #[arg(
        long,
        env = "BELLWETHER_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        value_parser = address
    )]
    url: Url,

    /// A bookmark file as browsers export it (HTML); one that comes with the program if absent
    #[arg(long, value_name = "FILE")]
    bookmarks: Option<PathBuf>,

    /// Save only the first N links
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,

    /// How long nothing new may arrive before the rest counts as missing
    ///
    /// Notifications get a minute more, because their queue is rate limited.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    patience: Duration,

    /// Print one JSON document, at the end
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Plays the flow and tells it.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let plan = Plan {
            bookmarks: self.bookmarks()?,
            source: self.source(),
            url: self.url,
            patience: self.patience,
        };
        let report = if self.json {
            let report = demo::play(plan, &mut Narrator::silent()).await?;
            print_json(&report).context("the report can't be printed")?;
            report
        } else {
            let mut narrator = Narrator::new(io::stdout(), style());
            demo::play(plan, &mut narrator).await?
        };
        Ok(if report.passed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn bookmarks(&self) -> anyhow::Result<Bookmarks> {
        let mut bookmarks = match &self.bookmarks {
            Some(file) => Bookmarks::parse(&read(file)?),
            None => Bookmarks::parse(OWN_BOOKMARKS),
        };
        anyhow::ensure!(
            !bookmarks.links.is_empty(),
            "{} has no link that can be saved",
            self.source()
        );
        if let Some(limit) = self.limit {
            bookmarks.links.truncate(limit.get());
        }
        Ok(bookmarks)
    }

    fn source(&self) -> Source {
        match &self.bookmarks {
            Some(file) => Source::File(file.display().to_string()),
            None => Source::Own,
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(file)
        .with_context(|| format!("the bookmarks {} can't be read", file.display()))?;
    // Old exports are in old encodings; a few odd letters in a title are no reason to stop.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn print_json(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out)
}

/// Colours are for people who look at a terminal and did not ask for none (<https://no-color.org>).
fn style() -> Style {
    let refuses = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !refuses {
        Style::Coloured
    } else {
        Style::Plain
    }
}

/// Reads the address of a server, with a slash at its end, so that paths can be joined to it.
fn address(text: &str) -> Result<Url, String> {
    let mut url: Url = text.parse().map_err(|_| EXPECTED.to_owned())?;
    if url.scheme() == "https" {
        return Err("the demo can't speak https; give it the http address behind it".to_owned());
    }
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if url.scheme() != "http" || !is_bare {
        return Err(EXPECTED.to_owned());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

const EXPECTED: &str = "expected an address such as http://127.0.0.1:8080";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_path_and_nothing_else() {
        let read = |text| address(text).map(String::from);
        assert_eq!(
            read("http://[::1]:8080"),
            Ok("http://[::1]:8080/".to_owned())
        );
        assert_eq!(
            read("http://example.org/bellwether"),
            Ok("http://example.org/bellwether/".to_owned())
        );
        for wrong in [
            "",
            "127.0.0.1:8080",
            "localhost:8080",
            "ftp://example.org/",
            "http://ada:secret@example.org/",
            "http://example.org/?a=b",
        ] {
            assert_eq!(read(wrong), Err(EXPECTED.to_owned()), "{wrong}");
        }
        assert!(read("https://example.org/").unwrap_err().contains("https"));
    }
}
