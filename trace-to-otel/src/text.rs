//! Texts of the program on their way out: sanitized ([mapping rules](crate#mapping-rules): Texts), and each name once in
//! memory.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use go_trace_format::{Frame, Stack, Text, event::StackId};
use go_trace_sanitize::{Dialect, Sanitizer};
use opentelemetry_semantic_conventions::attribute::{URL_FULL, URL_PATH};

use crate::span::Value;

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Keys of URLs, and of paths with or without a query: today's, and the former ones.
const URLS: [&str; 3] = [URL_FULL, "url.original", "http.url"];
const PATHS: [&str; 2] = [URL_PATH, "http.target"];

/// Sanitizes texts and remembers the names among them.
#[derive(Debug)]
pub(crate) struct Texts {
    sanitizer: Sanitizer,
    names: FastMap<Box<[u8]>, Arc<str>>,
    /// Names of the generation under way by their ids, which the runtime counts up.
    names_by_id: Vec<Option<Arc<str>>>,
    /// By what they are made of: the rule, and all that it is applied to.
    messages: FastMap<Box<[u8]>, Arc<str>>,
    /// What the next message is looked up by.
    key: Vec<u8>,
}

/// What is made of a text: one text may be several things by different rules.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Rule {
    Message,
    Attribute,
    Query,
    Summary,
}

impl Texts {
    /// Programs use few names. Where one puts a number into each of them the memory must not grow.
    const MOST_NAMES: usize = 4096;
    /// Names come before most other strings of a generation.
    const MOST_IDS: usize = 1024;

    pub(crate) fn new(sanitizer: Sanitizer) -> Self {
        Self {
            sanitizer,
            names: FastMap::default(),
            names_by_id: Vec::new(),
            messages: FastMap::default(),
            key: Vec::new(),
        }
    }

    /// The sanitized name; `otherwise` for an empty one, which OTLP takes for none.
    pub(crate) fn name(&mut self, text: Text<'_>, otherwise: &str) -> Arc<str> {
        let bytes = text.as_bytes();
        if let Some(known) = self.names.get(bytes) {
            return Arc::clone(known);
        }
        if text.is_lost() {
            return "(name lost)".into();
        }
        if text.is_empty() {
            return otherwise.into();
        }
        let name = self.sanitizer.text(bytes).into();
        self.remember(bytes, name)
    }

    /// The same of a name whose id in the generation under way is known.
    #[inline]
    pub(crate) fn name_by_id(&mut self, id: u64, text: Text<'_>, otherwise: &str) -> Arc<str> {
        match self.names_by_id.get(id as usize) {
            Some(Some(known)) => Arc::clone(known),
            _ => self.new_name_by_id(id, text, otherwise),
        }
    }

    /// The same of a name that has been asked for before.
    #[inline]
    pub(crate) fn known_by_id(&self, id: u64) -> Option<&Arc<str>> {
        self.names_by_id.get(id as usize)?.as_ref()
    }

    #[cold]
    fn new_name_by_id(&mut self, id: u64, text: Text<'_>, otherwise: &str) -> Arc<str> {
        let name = self.name(text, otherwise);
        let index = id as usize;
        // What an empty name is called depends on who asks.
        if index < Self::MOST_IDS && !text.is_empty() {
            if index >= self.names_by_id.len() {
                self.names_by_id.resize(index + 1, None);
            }
            self.names_by_id[index] = Some(Arc::clone(&name));
        }
        name
    }

    /// Strings of the next generation have ids of their own.
    pub(crate) fn begin_generation(&mut self) {
        self.names_by_id.clear();
    }

    /// A name that is no program's.
    pub(crate) fn fixed(&mut self, name: &'static str) -> Arc<str> {
        match self.names.get(name.as_bytes()) {
            Some(known) => Arc::clone(known),
            None => self.remember(name.as_bytes(), name.into()),
        }
    }

    fn remember(&mut self, bytes: &[u8], name: Arc<str>) -> Arc<str> {
        if self.names.len() == Self::MOST_NAMES {
            self.names.clear();
        }
        self.names.insert(bytes.into(), Arc::clone(&name));
        name
    }

    /// The sanitized text of a log, which may be secret by its category alone.
    pub(crate) fn message(&mut self, category: Text<'_>, text: Text<'_>) -> Arc<str> {
        if text.is_lost() {
            return "(message lost)".into();
        }
        let (category, text) = (category.as_bytes(), text.as_bytes());
        self.once(Rule::Message, [category, text], |sanitizer| sanitizer.named_text(category, text).into())
    }

    /// Whether the text of an attribute is a URL, or a part of one.
    pub(crate) fn has_rule(key: &str) -> bool {
        URLS.contains(&key) || PATHS.contains(&key)
    }

    /// The sanitized text of an attribute: a URL where its key says so, else free text, which may be secret by its key.
    pub(crate) fn attribute(&mut self, key: &str, text: &str) -> Arc<str> {
        self.once(Rule::Attribute, [key.as_bytes(), text.as_bytes()], |sanitizer| match key {
            _ if URLS.contains(&key) => sanitizer.url(text).into(),
            _ if PATHS.contains(&key) => without_query(&sanitizer.url(text)).into(),
            _ => sanitizer.named_text(key, text).into(),
        })
    }

    /// A number, unless it is secret by its key.
    pub(crate) fn number<N: Into<Value> + ToString>(&self, key: &str, number: N) -> Value {
        let text = number.to_string();
        match self.sanitizer.named_text(key, &text) {
            same if same == text => number.into(),
            other => Value::Text(other.into()),
        }
    }

    /// A query without its literals, and its summary, by the dialect of its database.
    pub(crate) fn query(&mut self, query: &str, system_name: &str) -> (Arc<str>, Arc<str>) {
        let dialect = Dialect::from_db_system_name(system_name);
        let parts = [system_name.as_bytes(), query.as_bytes()];
        let text = self.once(Rule::Query, parts, |sanitizer| sanitizer.sql_in(query, dialect).into());
        let summary =
            self.once(Rule::Summary, parts, |sanitizer| sanitizer.sql_summary(query, dialect).into());
        (text, summary)
    }

    /// What is made of a text is made once, as long as it is remembered. `parts` are all that it depends on beside the rule.
    fn once<const N: usize>(
        &mut self,
        rule: Rule,
        parts: [&[u8]; N],
        make: impl FnOnce(&Sanitizer) -> Arc<str>,
    ) -> Arc<str> {
        self.key.clear();
        self.key.push(rule as u8);
        for part in parts {
            // A part may hold any byte: its length tells where it ends.
            self.key.extend(part.len().to_le_bytes());
            self.key.extend(part);
        }
        if let Some(known) = self.messages.get(&*self.key) {
            return Arc::clone(known);
        }
        let message = make(&self.sanitizer);
        if self.messages.len() == Self::MOST_NAMES {
            self.messages.clear();
        }
        self.messages.insert(self.key.as_slice().into(), Arc::clone(&message));
        message
    }
}

/// A place in the program's source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CodeLocation {
    pub(crate) function: Arc<str>,
    pub(crate) file: Arc<str>,
    pub(crate) line: i64,
}

/// The places in the source that a generation's stacks begin with.
#[derive(Debug, Default)]
pub(crate) struct CodeLocations {
    /// By stack, and whether it is the caller of an operation that is asked for.
    by_stack: FastMap<(StackId, bool), Option<Arc<CodeLocation>>>,
    stack_traces: FastMap<StackId, Arc<str>>,
    /// Those of all generations, each once: many stacks begin with the same.
    known: HashSet<Arc<CodeLocation>, foldhash::fast::RandomState>,
}

impl CodeLocations {
    /// As many as there may be names.
    const MOST_KNOWN: usize = Texts::MOST_NAMES;

    /// The place of the innermost frame that is not the runtime's, nor that of what makes spans for others and of who calls
    /// that: it is where the program asked for the span.
    pub(crate) fn of_top_user_frame(&mut self, stack: Option<Stack<'_>>) -> Option<Arc<CodeLocation>> {
        let mut is_on_behalf = false;
        let is_below = move |function: &[u8]| {
            is_on_behalf |= is_of_flight(function);
            is_of_runtime(function) || is_of_flight(function) || is_on_behalf && is_of_operations(function)
        };
        self.of_top_frame_above(stack, is_below, false)
    }

    /// The place of the innermost frame that is not of the packages whose operations the fork records: it asked for
    /// the operation.
    pub(crate) fn of_top_caller(&mut self, stack: Option<Stack<'_>>) -> Option<Arc<CodeLocation>> {
        self.of_top_frame_above(stack, |function| is_of_runtime(function) || is_of_operations(function), true)
    }

    fn of_top_frame_above(
        &mut self,
        stack: Option<Stack<'_>>,
        mut is_below: impl FnMut(&[u8]) -> bool,
        is_caller: bool,
    ) -> Option<Arc<CodeLocation>> {
        let stack = stack?;
        let known = &mut self.known;
        let location = self.by_stack.entry((stack.id(), is_caller)).or_insert_with(|| {
            let frame = stack.frames().find(|frame| !is_below(frame.function.as_bytes()))?;
            let location = CodeLocation::of(&frame);
            if let Some(known) = known.get(&location) {
                return Some(Arc::clone(known));
            }
            if known.len() == Self::MOST_KNOWN {
                known.clear();
            }
            let location = Arc::new(location);
            known.insert(Arc::clone(&location));
            Some(location)
        });
        location.clone()
    }

    /// A whole stack as Go prints one, innermost frame first; what the functions were called with is not known. Go:
    /// `runtime.traceback`.
    pub(crate) fn stack_trace(&mut self, stack: Stack<'_>) -> Option<Arc<str>> {
        stack.frames().next()?;
        let text = self.stack_traces.entry(stack.id()).or_insert_with(|| {
            let frames = stack.frames().map(|frame| {
                let (function, file) = (frame.function.to_string_lossy(), frame.file.to_string_lossy());
                format!("{function}(...)\n\t{file}:{}\n", frame.line)
            });
            frames.collect::<String>().into()
        });
        Some(Arc::clone(text))
    }

    /// Stacks of the next generation have ids of their own.
    pub(crate) fn begin_generation(&mut self) {
        self.by_stack.clear();
        self.stack_traces.clear();
    }
}

impl CodeLocation {
    pub(crate) fn of(frame: &Frame<'_>) -> Self {
        Self {
            function: frame.function.to_string_lossy().into(),
            file: frame.file.to_string_lossy().into(),
            line: i64::try_from(frame.line).unwrap_or(0),
        }
    }
}

/// A URL or path without its query and fragment. It may hold an escaped question mark, and nothing behind a bare one.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

pub(crate) fn is_of_runtime(function: &[u8]) -> bool {
    function.starts_with(b"runtime.") || function.starts_with(b"runtime/")
}

/// Whether a function is of no package of the standard library: these have no domain in their path.
#[cfg(any(feature = "analysis", all(feature = "profiles", feature = "render")))]
pub(crate) fn is_of_program(function: &str) -> bool {
    match function.split_once('/') {
        Some((first, _)) => first.contains('.'),
        None => function.starts_with("main."),
    }
}

/// Package `flight` of `examples/go-flight`, wherever that lives.
fn is_of_flight(function: &[u8]) -> bool {
    const PACKAGE: &[u8] = b"/go-flight/flight.";
    function.windows(PACKAGE.len()).any(|part| part == PACKAGE)
}

fn is_of_operations(function: &[u8]) -> bool {
    const PACKAGES: [&[u8]; 5] = [b"net/http.", b"net/http/", b"net.", b"database/sql.", b"crypto/tls."];
    PACKAGES.iter().any(|package| function.starts_with(package))
}

crate::saved::saved!(CodeLocation { function, file, line });

#[cfg(test)]
#[cfg(any(feature = "analysis", all(feature = "profiles", feature = "render")))]
mod tests {
    use super::*;

    #[test]
    fn packages_with_a_domain_and_main_are_the_program_s() {
        for of_program in ["main.run", "main.(*shop).order.func1", "example.com/shop.(*Client).Order"] {
            assert!(is_of_program(of_program), "{of_program}");
        }
        for other in ["net/http.(*conn).serve", "sync.(*Mutex).Lock", "runtime.main", "time.Sleep", ""] {
            assert!(!is_of_program(other), "{other}");
        }
    }
}
