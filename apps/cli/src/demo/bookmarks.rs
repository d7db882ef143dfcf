//! Reads bookmark files as browsers export them (the "Netscape" format).
//!
//! The format has no closing tags to speak of and every browser writes it a little differently, so
//! it is read as browsers read HTML: whatever it looks like, its links are found. What can't be
//! saved is skipped, and counted by reason.

use std::collections::{BTreeMap, HashSet};

use domain::cards::{CardTitle, Link, LinkError, Note};
use scraper::{ElementRef, Html, Selector};

/// The links of a bookmark file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bookmarks {
    /// What can be saved, in the order of the file.
    pub(crate) links: Vec<Bookmark>,
    /// How many entries were skipped, by reason.
    pub(crate) skipped: BTreeMap<String, usize>,
}

/// A link, and what its owner wrote to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bookmark {
    /// The link.
    pub(crate) link: Link,
    /// The page's title.
    pub(crate) title: Option<String>,
    /// The description.
    pub(crate) note: Option<String>,
}

impl Bookmarks {
    /// Reads a file.
    pub(crate) fn parse(html: &str) -> Self {
        let html = Html::parse_document(html);
        // A description belongs to the link or to the folder before it.
        let selector = Selector::parse("a[href], h3, dd").expect("the selector is well-formed");
        let mut reading = Reading::default();
        for element in html.select(&selector) {
            match element.value().name() {
                "a" => reading.link(element),
                "dd" => reading.description(element),
                _ => reading.folder(),
            }
        }
        Self {
            links: reading.links,
            skipped: reading.skipped,
        }
    }
}

#[derive(Default)]
struct Reading {
    links: Vec<Bookmark>,
    skipped: BTreeMap<String, usize>,
    seen: HashSet<String>,
    /// Whether the next description is of the last of `links`.
    after_link: bool,
}

impl Reading {
    fn link(&mut self, element: ElementRef<'_>) {
        self.after_link = false;
        let link = match Link::parse(element.attr("href").unwrap_or_default()) {
            Ok(link) => link,
            Err(error) => return self.skip(reason(&error)),
        };
        if !self.seen.insert(link.canonical()) {
            return self.skip("duplicate".to_owned());
        }
        self.after_link = true;
        self.links.push(Bookmark {
            link,
            title: title(element),
            note: None,
        });
    }

    fn folder(&mut self) {
        self.after_link = false;
    }

    fn description(&mut self, element: ElementRef<'_>) {
        let of_link = std::mem::take(&mut self.after_link);
        if let Some(last) = self.links.last_mut().filter(|_| of_link) {
            last.note = note(element);
        }
    }

    fn skip(&mut self, reason: String) {
        *self.skipped.entry(reason).or_default() += 1;
    }
}

/// Never the URL itself: it may hold a password, and a bookmarklet is a whole program.
fn reason(error: &LinkError) -> String {
    match error {
        LinkError::Scheme(scheme) => format!("{scheme}:"),
        LinkError::Userinfo => "with a user name or password".to_owned(),
        LinkError::TooLong { .. } => "too long".to_owned(),
        LinkError::Character | LinkError::Syntax(_) => "not a URL".to_owned(),
    }
}

fn title(element: ElementRef<'_>) -> Option<String> {
    let text: String = element.text().collect();
    let words: Vec<_> = text.split_whitespace().collect();
    kept(&words.join(" "), CardTitle::LIMIT)
}

fn note(element: ElementRef<'_>) -> Option<String> {
    let text: String = element.text().collect();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    kept(&lines.join("\n"), Note::LIMIT)
}

/// As much of a text as a card may hold.
fn kept(text: &str, limit: usize) -> Option<String> {
    let is_kept = |c: &char| !c.is_control() || *c == '\n';
    let text: String = text.trim().chars().filter(is_kept).take(limit).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(html: &str) -> Vec<String> {
        let links = Bookmarks::parse(html).links;
        links
            .iter()
            .map(|bookmark| bookmark.link.to_string())
            .collect()
    }

    fn skipped(html: &str) -> Vec<(String, usize)> {
        Bookmarks::parse(html).skipped.into_iter().collect()
    }

    #[track_caller]
    fn only(html: &str) -> Bookmark {
        let [bookmark] = Bookmarks::parse(html).links.try_into().unwrap();
        bookmark
    }

    #[test]
    fn the_file_of_the_repository_is_read_whole() {
        let bookmarks = Bookmarks::parse(include_str!("../../../../demo/bookmarks.html"));
        assert_eq!(bookmarks.links.len(), 24);
        assert!(bookmarks.links.iter().all(|link| link.title.is_some()));
        let skipped: Vec<_> = bookmarks.skipped.into_iter().collect();
        assert_eq!(
            skipped,
            [
                ("duplicate".to_owned(), 1),
                ("javascript:".to_owned(), 1),
                ("place:".to_owned(), 1)
            ]
        );
        let described: Vec<_> = bookmarks
            .links
            .iter()
            .filter_map(|link| link.note.as_deref())
            .collect();
        assert_eq!(described.len(), 6, "{described:#?}");
        assert_eq!(
            described[4],
            "Four things that people mean:\nnotification, state transfer, event sourcing & CQRS."
        );
        assert_eq!(
            bookmarks.links[13].title.as_deref(),
            Some("What do you mean by “Event-Driven”?")
        );
    }

    #[test]
    fn tags_need_not_be_closed_or_in_order() {
        let html = "<DL><p><DT><A HREF=https://a.example/>A<DT><A HREF='https://b.example/'>B</A>\
                    <DT><H3>F<DL><DT><a href=\"https://c.example/\">C</p></DL></DL></DL>\
                    <A HREF=\"https://d.example/\"";
        // The last tag never ends, so there is no last link.
        assert_eq!(
            urls(html),
            [
                "https://a.example/",
                "https://b.example/",
                "https://c.example/"
            ]
        );
    }

    #[test]
    fn the_description_of_a_folder_is_not_that_of_a_link() {
        let html = "<DL><p><DT><A HREF='https://a.example/'>A</A>\
                    <DT><H3>Folder</H3><DD>of many things<DL><p>\
                    <DT><A HREF='https://b.example/'>B</A><DD>good</DL>";
        let links = Bookmarks::parse(html).links;
        let notes: Vec<_> = links.iter().map(|link| link.note.as_deref()).collect();
        assert_eq!(notes, [None, Some("good")]);
    }

    #[test]
    fn what_can_not_be_saved_is_counted_by_reason() {
        let html = "<DT><A HREF='javascript:alert(1)'>1</A><DD>not that of another link\
                    <DT><A HREF='JAVASCRIPT:alert(2)'>2</A>\
                    <DT><A HREF='place:sort=8'>3</A>\
                    <DT><A HREF='file:///etc/passwd'>4</A>\
                    <DT><A HREF='relative.html'>5</A>\
                    <DT><A HREF=''>6</A>\
                    <DT><A HREF='https://ada:secret@example.org/'>7</A>\
                    <DT><A>8</A>\
                    <DT><A HREF='https://example.org'>9</A>\
                    <DT><A HREF='https://EXAMPLE.org:443/#part'>10</A>";
        assert_eq!(urls(html), ["https://example.org/"]);
        let expected = [
            ("duplicate", 1),
            ("file:", 1),
            ("javascript:", 2),
            ("not a URL", 2),
            ("place:", 1),
            ("with a user name or password", 1),
        ];
        assert_eq!(
            skipped(html),
            expected.map(|(reason, n)| (reason.to_owned(), n))
        );
    }

    #[test]
    fn a_text_becomes_one_that_a_card_may_hold() {
        let long = "ä".repeat(400);
        let bookmark = only(&format!(
            "<DT><A HREF='https://example.org/'>  a\tb\n c\u{7} {long}</A><DD> \n one \n two&#0;\n"
        ));
        let title = bookmark.title.unwrap();
        assert!(title.starts_with("a b c ää"), "{title}");
        assert!(CardTitle::parse(&title).is_ok());
        let note = bookmark.note.unwrap();
        assert!(note.starts_with("one\ntwo"), "{note:?}");
        assert!(Note::parse(&note).is_ok());
        let bare = only("<DT><A HREF='https://example.org/'> \u{7} </A><DD>");
        assert_eq!((bare.title, bare.note), (None, None));
    }

    #[test]
    fn whatever_else_it_is_holds_no_links() {
        for text in ["", "\u{feff}", "{\"links\": []}", "\u{0}\u{1}<<<>>>", "<A>"] {
            let bookmarks = Bookmarks::parse(text);
            assert!(
                bookmarks.links.is_empty() && bookmarks.skipped.is_empty(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn any_file_has_links_that_can_be_saved_and_others_that_are_counted() {
        testkit::hostile::withstands("bookmarks", |bytes| {
            let bookmarks = Bookmarks::parse(&String::from_utf8_lossy(bytes));
            for bookmark in &bookmarks.links {
                let title = bookmark.title.as_deref().unwrap_or("a title");
                let note = bookmark.note.as_deref().unwrap_or("a note");
                assert!(CardTitle::parse(title).is_ok(), "{title:?}");
                assert!(Note::parse(note).is_ok(), "{note:?}");
            }
        });
    }
}
