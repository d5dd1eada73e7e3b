//! Credentials without a scheme before them, as Oracle writes them: [rule U6](crate#the-rules).

/// Where the address starts behind `user/password@`, if a text starts with that.
pub(crate) fn oracle_address(text: &str) -> Option<usize> {
    let at = text.find('@')?;
    (is_oracle(&text[..at]) && !is_version(&text[at + 1..])).then_some(at + 1)
}

/// Whether a text is `user/password`, as Oracle has it, and no path.
pub(crate) fn is_oracle(text: &str) -> bool {
    // A proxy names in brackets whom it stands for.
    let in_user = |character: char| character.is_alphanumeric() || "_$#[]".contains(character);
    text.split_once('/').is_some_and(|(user, password)| {
        let name = user.trim_start_matches(|character: char| !character.is_alphanumeric());
        let whole = name.chars().all(in_user) && !name.is_empty() && !user.contains(['@', '.']);
        whole && !password.is_empty() && !password.contains('/')
    })
}

/// Whether a text is the version of a package: `v1.2.3`, `1.2.3`, `sha256:…`.
pub(crate) fn is_version(text: &str) -> bool {
    let numbered = text.strip_prefix('v').unwrap_or(text);
    let numbers = numbered.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let dots = numbered[..numbers].matches('.').count();
    let number =
        numbered.starts_with(|first: char| first.is_ascii_digit()) && (text.starts_with('v') || dots == 2);
    number || text.starts_with("sha256:") || text == "latest"
}

/// Whether a word that may be `user/password`, behind a word such as `connect`, is that, and not a port or a device of which more is
/// said: it ends its line, has an address, or a role or an argument of `exp` and `imp` follows, and no number is behind the slash.
pub(crate) fn ends_login(word: &str, behind: &[u8]) -> bool {
    const LONGEST_ARGUMENT: usize = 64;
    let password = word.split_once('/').map_or("", |(_, password)| password.trim_end_matches(';'));
    let is_number = password.bytes().all(|byte| byte.is_ascii_digit());
    let blanks = behind.iter().take_while(|byte| b" \t;\r".contains(byte)).count();
    let next = &behind[blanks..];
    let length = next.iter().take(LONGEST_ARGUMENT).take_while(|byte| !byte.is_ascii_whitespace()).count();
    let argument = &next[..length];
    let goes_on = argument.eq_ignore_ascii_case(b"as") || argument.contains(&b'=');
    !is_number && (goes_on || word.contains('@') || matches!(next.first(), None | Some(b'\n')))
}
