//! Blanks as HTTP knows them around a header's parts: spaces and horizontal tabs, and nothing else.

/// `text` without the blanks around it.
pub(crate) const fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// How many blanks `text` starts with.
pub(crate) const fn count_leading(mut text: &[u8]) -> usize {
    let mut count = 0;
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
        count += 1;
    }
    count
}
