//! Go's string literals.

/// The bytes of a quoted literal. Go: `strconv.Unquote`.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`') {
        return Some(raw.strip_suffix('`')?.into());
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    let mut rest = inner;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        rest = escape_sequence(escape, &mut bytes)?;
    }
    bytes.extend(rest.as_bytes());
    Some(bytes)
}

/// Takes in what follows a backslash; gives what follows that.
fn escape_sequence<'a>(escape: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let number = |from: usize, length: usize, radix: u32| {
        Some((u32::from_str_radix(escape.get(from..from + length)?, radix).ok()?, &escape[from + length..]))
    };
    let simple = |byte: u8| Some((u32::from(byte), &escape[1..]));
    let first = escape.chars().next()?;
    let (value, rest) = match first {
        'a' => simple(7),
        'b' => simple(8),
        't' => simple(b'\t'),
        'n' => simple(b'\n'),
        'v' => simple(11),
        'f' => simple(12),
        'r' => simple(b'\r'),
        '\\' | '"' | '\'' => simple(first as u8),
        'x' => number(1, 2, 16),
        'u' => number(1, 4, 16),
        'U' => number(1, 8, 16),
        '0'..='7' => number(0, 3, 8),
        _ => None,
    }?;
    match first {
        'u' | 'U' => bytes.extend(char::from_u32(value)?.to_string().bytes()),
        _ => bytes.push(u8::try_from(value).ok()?),
    }
    Some(rest)
}
