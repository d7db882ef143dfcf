//! Log lines as flat JSON objects: an event's fields beside those of every span around it.

use std::error::Error;
use std::fmt;
use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Writes each event as one line of JSON. Where names meet, the innermost value stands.
pub(super) struct JsonLines<W> {
    writer: W,
}

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer }
    }
}

/// The first keys of a line, which no field may take.
const OWN_KEYS: [&str; 4] = ["timestamp", "level", "target", "span"];

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<&'static str>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        // Values are formatted before the span is locked: one that panics is logged, and that line
        // needs the lock.
        let mut added = Fields::default();
        values.record(&mut added);
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            fields.0.extend(added.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut fields = Map::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span.0.clone());
            }
        }
        fields.extend(own.0);
        let metadata = event.metadata();
        let line = Line {
            timestamp: timestamp(),
            level: metadata.level().as_str(),
            message: fields.remove("message"),
            target: metadata.target(),
            span: context.event_span(event).map(|span| span.name()),
            fields,
        };
        if let Ok(mut json) = serde_json::to_vec(&line) {
            json.push(b'\n');
            // There is nowhere to say that logs can't be written.
            let _ = self.writer.make_writer_for(metadata).write_all(&json);
        }
    }
}

fn timestamp() -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        // Where in its source a library logged, on the machine that built it: of no use here.
        if name.starts_with("log.") {
            return;
        }
        let key = if OWN_KEYS.contains(&name) {
            format!("field.{name}")
        } else {
            name.to_owned()
        };
        self.0.insert(key, value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let chain = std::iter::successors(Some(value), |&error| error.source());
        let causes: Vec<_> = chain.map(ToString::to_string).collect();
        self.insert(field, causes.join(": "));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::field::Empty;
    use tracing::{info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Map<String, Value>> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = JsonLines::new(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = buffer.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_has_the_fields_of_the_event_and_of_every_span() {
        let lines = lines(|| {
            let request = info_span!("http.request", correlation.id = "c1", status = Empty);
            let _request = request.enter();
            let _handle = info_span!("event.handle", event.id = %"e1", attempt = 1).entered();
            request.record("status", 201);
            info!(size_bytes = 12, "Saved {}", "it");
        });
        let [line] = &lines[..] else {
            panic!("not one line: {lines:?}")
        };
        let text = |key: &str| line[key].as_str().unwrap();
        assert_eq!(text("message"), "Saved it");
        assert_eq!(text("level"), "INFO");
        assert_eq!(text("span"), "event.handle");
        assert_eq!((text("correlation.id"), text("event.id")), ("c1", "e1"));
        assert_eq!(
            (&line["status"], &line["size_bytes"]),
            (&201.into(), &12.into())
        );
        assert!(text("timestamp").ends_with('Z'), "{line:?}");
    }

    #[test]
    fn the_innermost_value_stands_and_own_keys_are_not_taken() {
        let lines = lines(|| {
            let _outer = info_span!("outer", attempt = 1, level = "deep").entered();
            warn!(attempt = 2, "Again");
        });
        assert_eq!(lines[0]["attempt"], 2);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["field.level"], "deep");
    }

    #[test]
    fn an_error_is_written_with_what_is_behind_it() {
        let lines = lines(|| {
            let error = anyhow::anyhow!("connection refused").context("storage is unavailable");
            let error: &(dyn Error + 'static) = error.as_ref();
            warn!(error, "Trying again\nlater");
        });
        assert_eq!(
            lines[0]["error"],
            "storage is unavailable: connection refused"
        );
        assert_eq!(lines[0]["message"], "Trying again\nlater");
    }
}
