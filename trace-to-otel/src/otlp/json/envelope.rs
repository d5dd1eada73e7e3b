//! Requests of any signal: the same three levels under other names.

use super::super::{
    Signal,
    parts::{Envelope, Section},
};

pub(in super::super) fn len(envelope: &Envelope<'_>) -> usize {
    let sections: usize = envelope.sections.iter().map(Section::len).sum();
    let commas = envelope.sections.len().saturating_sub(1);
    envelope.before.len() + sections + commas + envelope.after.len()
}

pub(in super::super) fn write(envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(envelope.before);
    for (index, section) in envelope.sections.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        section.parts().into_iter().for_each(|part| out.extend_from_slice(part));
    }
    out.extend_from_slice(envelope.after);
}

/// One request of the resources of several of one signal: `{"resourceSpans":[…,…]}`.
pub(in super::super) fn join<'b>(mut parts: impl Iterator<Item = &'b [u8]>) -> Option<Vec<u8>> {
    const END: &[u8] = b"]}";
    let first = parts.next()?;
    let start = first.iter().position(|&byte| byte == b'[')? + 1;
    let mut out = first.strip_suffix(END)?.to_vec();
    for part in parts {
        out.push(b',');
        out.extend_from_slice(part.get(start..)?.strip_suffix(END)?);
    }
    out.extend_from_slice(END);
    Some(out)
}

/// How deep the array of scopes is, and the array of records in one: `{"resourceSpans":[{"scopeSpans":[{"spans":[`.
const SECTIONS: usize = 4;
const RECORDS: usize = 6;

pub(in super::super) fn parse(signal: Signal, bytes: &[u8]) -> Option<Envelope<'_>> {
    let start = format!("{{\"{}\":[{{", signal.names().resources);
    if !bytes.starts_with(start.as_bytes()) {
        return None;
    }
    let mut structure = Structure::new(bytes);
    let before = structure.find(|byte, depth| (byte, depth) == (b'[', SECTIONS))? + 1;
    let mut sections = Vec::new();
    let after = loop {
        let section = structure.find(|_, _| true)?;
        match (bytes[section], structure.depth) {
            (b'{', depth) if depth == SECTIONS + 1 => sections.push(parse_section(&mut structure, section)?),
            (b',', SECTIONS) => {}
            (b']', depth) if depth + 1 == SECTIONS => break section,
            _ => return None,
        }
    };
    // One resource, and nothing behind the request.
    let end = structure.find(|byte, depth| depth == 0 || matches!(byte, b'{' | b'['))?;
    if structure.depth != 0 || end + 1 != bytes.len() || sections.is_empty() {
        return None;
    }
    Some(Envelope { before: &bytes[..before], sections, after: &bytes[after..] })
}

/// The scope that begins at `start`.
fn parse_section<'a>(structure: &mut Structure<'a>, start: usize) -> Option<Section<'a>> {
    let records = structure.find(|byte, depth| (byte, depth) == (b'[', RECORDS))? + 1;
    let behind = structure.find(|_, depth| depth < RECORDS)?;
    let end = structure.find(|_, depth| depth <= SECTIONS)? + 1;
    let bytes = structure.bytes;
    (records < behind).then(|| Section {
        before: &bytes[start..records],
        records: &bytes[records..behind],
        after: &bytes[behind..end],
    })
}

/// What is behind the first record and the comma.
pub(in super::super) fn after_record(records: &[u8]) -> &[u8] {
    match Structure::new(records).find(|byte, depth| (byte, depth) == (b',', 0)) {
        Some(comma) => &records[comma + 1..],
        None => &[],
    }
}

/// The brackets and commas of a JSON text, those in strings aside.
struct Structure<'a> {
    bytes: &'a [u8],
    position: usize,
    /// How many brackets are open behind the one that was found last.
    depth: usize,
}

impl<'a> Structure<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, depth: 0 }
    }

    /// Where the next bracket or comma is that `is_wanted` wants, which sees the depth behind it.
    fn find(&mut self, mut is_wanted: impl FnMut(u8, usize) -> bool) -> Option<usize> {
        while let Some(&byte) = self.bytes.get(self.position) {
            let at = self.position;
            self.position += 1;
            match byte {
                b'"' => self.position = self.after_string()?,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.checked_sub(1)?,
                _ => {}
            }
            if matches!(byte, b'{' | b'[' | b'}' | b']' | b',') && is_wanted(byte, self.depth) {
                return Some(at);
            }
        }
        None
    }

    /// Where the string ends whose opening quote has just been passed.
    fn after_string(&self) -> Option<usize> {
        let mut position = self.position;
        loop {
            match self.bytes.get(position)? {
                b'"' => return Some(position + 1),
                b'\\' => position += 2,
                _ => position += 1,
            }
        }
    }
}
