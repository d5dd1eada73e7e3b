//! Values that take more than a word where a text has lines, as the files of settings have: [rule L1](crate#the-rules).

use super::ends::{line_end, trim_blanks, word_end};
use crate::keys::in_name;
use crate::steps;

/// What a file of settings joins a key and a value with, blanks aside.
const SIGNS: [char; 2] = ['=', ':'];

/// The lines behind that of a key that are indented more than it is, from their first character to their end, if the key's own
/// has no value, or a sign that says that they are one. A comment before them may be a value, too. `line` is the end of the line that
/// was looked for last, for comments in which names follow.
pub(super) fn block(text: &str, key: usize, value: usize, line: &mut usize) -> Option<(usize, usize)> {
    let value = behind_properties(text, value);
    let mark = text[value..].trim_start_matches(['|', '>']);
    let mark = if mark.len() < text.len() - value {
        mark.trim_start_matches(['-', '+', '1', '2', '4', '8'])
    } else {
        mark
    };
    let rest = trim_blanks(mark);
    if let Some(rest) = rest.strip_prefix("\\n") {
        // In a text with escapes.
        let start = text.len() - rest.trim_start_matches([' ', '\t']).len();
        let length = text[start..].find(['\\', '"', '\n']).unwrap_or(text.len() - start);
        steps::count(length);
        return (rest.starts_with([' ', '\t']) && length > 0).then_some((start, start + length));
    }
    let comment = (rest.starts_with('#') && text[..text.len() - rest.len()].ends_with(' '))
        .then(|| text.len() - rest.len());
    let rest = &text[comment.map_or(text.len() - rest.len(), |comment| {
        if comment > *line {
            *line = line_end(text, comment);
        }
        *line
    })..];
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))?;
    if text[..key].ends_with('"') && rest.trim_start().starts_with('"') {
        // JSON, in which the indentation says nothing.
        return Some((text.len() - rest.trim_start().len(), text.len()));
    }
    let (start, end) = indented(text, key, text.len() - rest.len())?;
    Some((comment.unwrap_or(start), end))
}

/// The lines from a place on that are indented more than the line of a key, or that are the elements of its list.
fn indented(text: &str, key: usize, from: usize) -> Option<(usize, usize)> {
    let line = text[..key].rfind('\n').map_or(0, |end| end + 1);
    steps::count(key - line);
    let indent = |line: &str| line.len() - trim_blanks(line).len();
    let outer = indent(&text[line..key]);
    let in_list = is_element(&text[line + outer..key]);
    let mut end = from;
    let mut start = None;
    for next in text[from..].split_inclusive('\n') {
        steps::count(next.len());
        let whole = next.trim_end();
        if !whole.is_empty() {
            let inner = indent(whole);
            let element = inner == outer && !in_list && is_element(&whole[inner..]);
            if inner <= outer && !element {
                break;
            }
            start = start.or(Some(end + inner));
        }
        end += next.len();
    }
    let start = start?;
    Some((start, start + text[start..end].trim_end().len()))
}

fn is_element(line: &str) -> bool {
    line.starts_with("- ")
}

/// A tag and an anchor.
const MOST_PROPERTIES: usize = 2;

/// The place behind the tag and the anchor that YAML may have before a value.
pub(super) fn behind_properties(text: &str, value: usize) -> usize {
    let mut place = value;
    for _ in 0..MOST_PROPERTIES {
        if !text[place..].starts_with(['!', '&']) || !text[..place].ends_with(' ') {
            break;
        }
        let end = word_end(text, place);
        let next = text.len() - trim_blanks(&text[end..]).len();
        if next == end || text[..end].ends_with(':') {
            break;
        }
        place = next;
    }
    place
}

/// The end of a value without quotes that goes on to the end of its line: where the key starts its line, no other pair is in it,
/// and the line before or behind has the form of a setting, too.
pub(super) fn setting_end(text: &str, key: usize, value: usize) -> Option<usize> {
    let before = text[..key].trim_end_matches([' ', '\t']);
    let line = before.strip_suffix('-').unwrap_or(before).trim_end_matches([' ', '\t']);
    if !line.is_empty() && !line.ends_with('\n') {
        return None;
    }
    let sign = text[key..value].trim_end_matches([' ', '\t']);
    if !sign.ends_with(SIGNS) || sign.ends_with(':') && sign.len() == value - key {
        return None;
    }
    let end = line_end(text, value);
    let rest = &text[word_end(text, value)..end];
    steps::count(rest.len());
    if rest.trim().is_empty() || rest.contains('=') || rest.contains(": ") {
        return None;
    }
    let before = line.trim_end().rsplit('\n').next().unwrap_or_default();
    let behind = text[end..].trim_start().lines().next().unwrap_or_default();
    steps::count(before.len() + behind.len());
    (is_setting(before) || is_setting(behind)).then(|| value + text[value..end].trim_end().len())
}

/// Whether a line is one of a file of settings: a section, a key with a value or with lines behind it, or a sign between documents.
fn is_setting(line: &str) -> bool {
    let line = line.trim().trim_start_matches("- ");
    let name = line.trim_start_matches(in_name).trim_start_matches(' ');
    let pair = name.len() < line.len()
        && name.starts_with(SIGNS)
        && (name.starts_with('=') || name.len() == 1 || name[1..].starts_with(' '));
    pair || line == "---" || line.starts_with('[') && line.ends_with(']')
}
