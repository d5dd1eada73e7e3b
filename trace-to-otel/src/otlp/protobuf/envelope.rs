//! `opentelemetry/proto/collector/*/v1/*_service.proto`, and the two levels below: the same fields for every signal.

use super::{
    super::parts::{Envelope, Section},
    wire::{Wire, tag, varint_len},
};

/// Those of traces; the other signals' are the same.
pub(super) mod field {
    use super::{Wire, tag};

    /// `ExportTraceServiceRequest.resource_spans`
    pub(in super::super) const RESOURCES: u8 = tag(1, Wire::Length);
    /// `ResourceSpans.resource`
    pub(in super::super) const RESOURCE: u8 = tag(1, Wire::Length);
    /// `ResourceSpans.scope_spans`
    pub(in super::super) const SECTIONS: u8 = tag(2, Wire::Length);
    /// `ScopeSpans.scope`
    pub(in super::super) const SCOPE: u8 = tag(1, Wire::Length);
    /// `ScopeSpans.spans`
    pub(in super::super) const RECORDS: u8 = tag(2, Wire::Length);
    /// `ResourceSpans.schema_url`, `ScopeSpans.schema_url`
    pub(in super::super) const SCHEMA_URL: u8 = tag(3, Wire::Length);
}

pub(in super::super) fn len(envelope: &Envelope<'_>) -> usize {
    framed(resource_len(envelope))
}

pub(in super::super) fn write(envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    frame(out, field::RESOURCES, resource_len(envelope));
    out.extend_from_slice(envelope.before);
    for section in &envelope.sections {
        frame(out, field::SECTIONS, section.len());
        section.parts().into_iter().for_each(|part| out.extend_from_slice(part));
    }
    out.extend_from_slice(envelope.after);
}

/// The length of the `ResourceSpans`, or the like.
fn resource_len(envelope: &Envelope<'_>) -> usize {
    let sections: usize = envelope.sections.iter().map(|section| framed(section.len())).sum();
    envelope.before.len() + sections + envelope.after.len()
}

fn framed(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

fn frame(out: &mut Vec<u8>, tag: u8, len: usize) {
    out.push(tag);
    let mut rest = len;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(in super::super) fn parse(bytes: &[u8]) -> Option<Envelope<'_>> {
    let (field::RESOURCES, resource, []) = read_field(bytes)? else { return None };
    let (before, mut middle, after) = levels(resource)?;
    let mut sections = Vec::new();
    while !middle.is_empty() {
        let (_, section, rest) = read_field(middle)?;
        let (before, records, after) = levels(section)?;
        sections.push(Section { before, records, after });
        middle = rest;
    }
    Some(Envelope { before, sections, after })
}

/// What is behind the first record.
pub(in super::super) fn after_record(records: &[u8]) -> &[u8] {
    read_field(records).map_or(&[], |(_, _, rest)| rest)
}

/// What is before the fields of number 2, those fields, of which there has to be one, and what is behind them. Both
/// `ResourceSpans` and `ScopeSpans` have what they repeat in field 2, and nothing but fields with a length.
fn levels(message: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    const { assert!(field::SECTIONS == field::RECORDS) };
    let run = |bytes, repeated: bool| -> Option<usize> {
        let mut rest: &[u8] = bytes;
        while !rest.is_empty() {
            let (tag, _, after) = read_field(rest)?;
            if (tag == field::RECORDS) != repeated {
                break;
            }
            rest = after;
        }
        Some(bytes.len() - rest.len())
    };
    let (before, rest) = message.split_at(run(message, false)?);
    let (middle, after) = rest.split_at(run(rest, true)?);
    (!middle.is_empty() && run(after, false)? == after.len()).then_some((before, middle, after))
}

/// A field with a length: its tag, its value, and what is behind it.
fn read_field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, mut rest) = bytes.split_first()?;
    let mut len = 0_u64;
    for shift in (0..63).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        len |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            let len = usize::try_from(len).ok().filter(|_| tag & 7 == Wire::Length as u8)?;
            let (value, rest) = rest.split_at_checked(len)?;
            return Some((tag, value, rest));
        }
    }
    None
}
