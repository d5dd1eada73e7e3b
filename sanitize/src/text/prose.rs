//! What is said of a thing that has the name of a secret, as in `jwt: token is expired`: [rule L4](crate#the-rules).

/// Words of what programs say when something is wrong, words that join others, and the error codes of OAuth (RFC 6749).
const WORDS: [&str; 83] = [
    "a",
    "all",
    "already",
    "an",
    "and",
    "are",
    "at",
    "bad",
    "be",
    "been",
    "by",
    "cannot",
    "closed",
    "could",
    "deadline",
    "denied",
    "did",
    "disabled",
    "does",
    "empty",
    "enabled",
    "error",
    "exceeded",
    "exists",
    "expired",
    "failed",
    "failure",
    "fetching",
    "for",
    "forbidden",
    "found",
    "from",
    "has",
    "have",
    "http",
    "in",
    "invalid",
    "is",
    "issued",
    "malformed",
    "mismatch",
    "missing",
    "must",
    "no",
    "not",
    "of",
    "on",
    "out",
    "parsing",
    "reading",
    "received",
    "refreshed",
    "refused",
    "rejected",
    "required",
    "revoked",
    "rotated",
    "should",
    "signature",
    "started",
    "timed",
    "timeout",
    "to",
    "token",
    "too",
    "unable",
    "unauthorized",
    "unexpected",
    "unknown",
    "unsupported",
    "until",
    "was",
    "with",
    "without",
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];
/// Words that start what is said even of a password.
const VERBS: [&str; 15] = [
    "are", "cannot", "contains", "could", "did", "does", "has", "have", "is", "may", "must", "not", "should",
    "was", "will",
];
/// So many words are looked at.
const FIRST: usize = 3;
/// No word of a sentence is longer.
const LONGEST: usize = 40;

/// Whether a value is a sentence: plain words, of which one of the first is a word of errors. Of a value that may be a password,
/// the first one has to be a verb.
pub(super) fn is_prose(value: &str, may_be_password: bool) -> bool {
    let mut words = value.split(' ').filter(|word| !word.is_empty()).take(FIRST);
    if may_be_password {
        return words.next().is_some_and(|word| is_among(word, &VERBS)) && words.next().is_some_and(is_plain);
    }
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        // What follows the word may be the token.
        let names =
            bare(word).eq_ignore_ascii_case("token") && words.peek().is_some_and(|next| !is_plain(next));
        if is_among(word, &WORDS) && !names {
            return true;
        }
        if !is_plain(word) {
            return false;
        }
    }
    false
}

/// Whether a word is one of letters alone, but for the sign behind it.
fn is_plain(word: &str) -> bool {
    let letters = if word.len() > LONGEST { "" } else { bare(word) };
    !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'\'')
}

fn bare(word: &str) -> &str {
    word.trim_end_matches([',', '.', ';', ':', '!', '?', ')', '"', '\''])
}

fn is_among(word: &str, words: &[&str]) -> bool {
    let word = if word.len() > LONGEST { "" } else { bare(word) };
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}
