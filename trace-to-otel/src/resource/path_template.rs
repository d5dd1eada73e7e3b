//! Resource attributes out of a trace's path.

use core::{fmt, str::FromStr};
use std::path::{Component, Path};

use opentelemetry_semantic_conventions::attribute::{
    HOST_NAME, K8S_CLUSTER_NAME, K8S_CONTAINER_NAME, K8S_NAMESPACE_NAME, K8S_NODE_NAME, K8S_POD_NAME,
    K8S_POD_UID, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION,
};

use crate::span::Attribute;

/// What the short names in a template stand for. Every other name is the attribute's own.
const SHORT_NAMES: [(&str, &str); 10] = [
    ("cluster", K8S_CLUSTER_NAME),
    ("container", K8S_CONTAINER_NAME),
    ("host", HOST_NAME),
    ("instance", SERVICE_INSTANCE_ID),
    ("namespace", K8S_NAMESPACE_NAME),
    ("node", K8S_NODE_NAME),
    ("pod", K8S_POD_NAME),
    ("pod_uid", K8S_POD_UID),
    ("service", SERVICE_NAME),
    ("version", SERVICE_VERSION),
];

/// How the paths of traces are made up, and which resource attributes their parts are: of several services that
/// write into one directory, each trace then has its own.
///
/// A template is a path. In each of its parts `{name}` stands for one or more characters that are the value of the
/// attribute `name`, and `*` for any characters. A part that is `**` stands for any number of whole parts, also none.
/// Where there are several ways to fit, what stands further left takes as little as possible.
///
/// These names are short for others: `{cluster}`, `{namespace}`, `{node}`, `{pod}`, `{pod_uid}` and `{container}` for
/// the `k8s.*` ones, `{service}`, `{instance}` and `{version}` for the `service.*` ones, `{host}` for `host.name`.
///
/// ```
/// use trace_to_otel::{Attribute, PathTemplate};
///
/// let template: PathTemplate = "/traces/{service}/{host}-{process.pid}.*.trace".parse()?;
/// let attributes = template.attributes("/traces/orders/web1-4711.3.trace".as_ref());
/// assert_eq!(
///     attributes.as_deref(),
///     Some(&[
///         Attribute::new("service.name", "orders"),
///         Attribute::new("host.name", "web1"),
///         Attribute::new("process.pid", "4711"),
///     ][..])
/// );
/// assert_eq!(template.attributes("/traces/orders/7.trace".as_ref()), None);
/// # Ok::<(), trace_to_otel::PathTemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`
    Any,
    One(Vec<Piece>),
}

/// A wildcard, if there is one, and the text behind it. Only the first piece of a part has none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    wildcard: Option<Wildcard>,
    literal: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wildcard {
    /// `*`
    Anything,
    /// `{name}`
    Value(String),
}

impl PathTemplate {
    /// What a path says; `None` where it does not fit the template.
    ///
    /// What is not Unicode in the path is replaced by U+FFFD. Memory and time are bounded by the path times the
    /// template.
    #[must_use]
    pub fn attributes(&self, path: &Path) -> Option<Vec<Attribute>> {
        let path: Vec<_> = path.components().filter(|&part| part != Component::CurDir).collect();
        let path: Vec<_> = path.iter().map(|part| part.as_os_str().to_string_lossy()).collect();
        let path: Vec<&str> = path.iter().map(|part| &**part).collect();
        let mut values = Vec::new();
        fit(&self.parts, &path, &mut values)?;
        Some(values.into_iter().map(|(key, value)| Attribute::new(key.to_owned(), value)).collect())
    }
}

type Values<'a> = Vec<(&'a str, &'a str)>;

/// Fits parts to a path as it is done with the wildcards of shells: where what follows a `**` does not fit, only the
/// last `**` seen has to take one part more.
fn fit<'a>(parts: &'a [Part], path: &[&'a str], values: &mut Values<'a>) -> Option<()> {
    let (mut part, mut at) = (0, 0);
    let mut retry = None;
    loop {
        match (parts.get(part), path.get(at)) {
            (None, None) => return Some(()),
            (Some(Part::Any), _) => {
                part += 1;
                retry = Some((part, at, values.len()));
                continue;
            }
            (Some(Part::One(pieces)), Some(text)) if fit_part(pieces, text, values).is_some() => {
                (part, at) = (part + 1, at + 1);
                continue;
            }
            _ => {}
        }
        let (after_any, taken, known) = retry?;
        if taken == path.len() {
            return None;
        }
        (part, at) = (after_any, taken + 1);
        values.truncate(known);
        retry = Some((part, at, known));
    }
}

fn fit_part<'a>(pieces: &'a [Piece], text: &'a str, values: &mut Values<'a>) -> Option<()> {
    let known = values.len();
    let fitted = fit_pieces(pieces, text, values);
    if fitted.is_none() {
        values.truncate(known);
    }
    fitted
}

fn fit_pieces<'a>(pieces: &'a [Piece], text: &'a str, values: &mut Values<'a>) -> Option<()> {
    let mut rest = text;
    for (index, Piece { wildcard, literal }) in pieces.iter().enumerate() {
        let Some(wildcard) = wildcard else {
            rest = rest.strip_prefix(&**literal)?;
            continue;
        };
        // A value has at least one character.
        let least = match wildcard {
            Wildcard::Anything => 0,
            Wildcard::Value(_) => rest.chars().next()?.len_utf8(),
        };
        let is_last = index + 1 == pieces.len();
        let length = if is_last {
            rest.len().checked_sub(literal.len()).filter(|_| rest.ends_with(&**literal))?
        } else {
            least + rest[least..].find(&**literal)?
        };
        if length < least {
            return None;
        }
        if let Wildcard::Value(key) = wildcard {
            values.push((key, &rest[..length]));
        }
        rest = &rest[length + literal.len()..];
    }
    rest.is_empty().then_some(())
}

impl FromStr for PathTemplate {
    type Err = PathTemplateError;

    fn from_str(template: &str) -> Result<Self, PathTemplateError> {
        let mut parts = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for component in Path::new(template).components().filter(|&part| part != Component::CurDir) {
            // It comes out of a `str`.
            let text = component.as_os_str().to_string_lossy();
            if text == "**" {
                parts.push(Part::Any);
                continue;
            }
            let pieces = pieces(&text)?;
            for name in pieces.iter().filter_map(Piece::name) {
                if names.iter().any(|known| known == name) {
                    return Err(PathTemplateError::new(&text, "a name that the template already has"));
                }
                names.push(name.to_owned());
            }
            parts.push(Part::One(pieces));
        }
        Ok(Self { parts })
    }
}

impl Piece {
    fn name(&self) -> Option<&str> {
        match &self.wildcard {
            Some(Wildcard::Value(name)) => Some(name),
            _ => None,
        }
    }
}

fn pieces(part: &str) -> Result<Vec<Piece>, PathTemplateError> {
    let mut pieces = vec![Piece { wildcard: None, literal: String::new() }];
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let (wildcard, length) = match first {
            '*' => (Wildcard::Anything, 1),
            '{' => {
                let end = rest.find('}').ok_or_else(|| PathTemplateError::new(part, "a { without }"))?;
                (Wildcard::Value(attribute_name(&rest[1..end], part)?), end + 1)
            }
            '}' => return Err(PathTemplateError::new(part, "a } without {")),
            _ => {
                let end = rest.find(['*', '{', '}']).unwrap_or(rest.len());
                if let Some(piece) = pieces.last_mut() {
                    piece.literal.push_str(&rest[..end]);
                }
                rest = &rest[end..];
                continue;
            }
        };
        if pieces.last().is_some_and(|last| last.wildcard.is_some() && last.literal.is_empty()) {
            return Err(PathTemplateError::new(part, "wildcards with nothing between them"));
        }
        pieces.push(Piece { wildcard: Some(wildcard), literal: String::new() });
        rest = &rest[length..];
    }
    Ok(pieces)
}

fn attribute_name(name: &str, part: &str) -> Result<String, PathTemplateError> {
    if name.is_empty() || name.contains(['{', '*']) {
        return Err(PathTemplateError::new(part, "a {} without the name of an attribute in it"));
    }
    let known = SHORT_NAMES.iter().find(|(short, _)| *short == name);
    Ok(known.map_or(name, |&(_, full)| full).to_owned())
}

/// A path template is malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplateError {
    part: Box<str>,
    problem: &'static str,
}

impl PathTemplateError {
    fn new(part: &str, problem: &'static str) -> Self {
        Self { part: part.into(), problem }
    }
}

impl fmt::Display for PathTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the part {:?} of the path template has {}; write for example /traces/{{service}}/{{pod}}/*.trace",
            self.part, self.problem
        )
    }
}

impl core::error::Error for PathTemplateError {}
