//! Where secrets stand in the paths of URLs, though no key and no shape tells them: [rule U9](crate#the-rules).

use crate::keys::SensitiveKeys;
use crate::steps;

/// Services whose URLs are secrets behind such a path: who knows one may post, or read. A `*` is a segment of any name.
const SERVICES: [(&str, &str); 34] = [
    ("hooks.slack.com", "/services/"),
    ("hooks.slack.com", "/workflows/"),
    ("hooks.slack.com", "/triggers/"),
    ("discord.com", "/api/webhooks/"),
    ("discord.com", "/api/*/webhooks/"),
    ("discordapp.com", "/api/webhooks/"),
    ("discordapp.com", "/api/*/webhooks/"),
    ("webhook.office.com", "/webhookb2/"),
    ("outlook.office.com", "/webhook/"),
    ("outlook.office365.com", "/webhook/"),
    ("open.feishu.cn", "/open-apis/bot/*/hook/"),
    ("open.larksuite.com", "/open-apis/bot/*/hook/"),
    ("hooks.zapier.com", "/hooks/"),
    ("maker.ifttt.com", "/trigger/"),
    ("maker.ifttt.com", "/use/"),
    ("hook.eu1.make.com", "/"),
    ("hook.eu2.make.com", "/"),
    ("hook.us1.make.com", "/"),
    ("hook.us2.make.com", "/"),
    ("hook.integromat.com", "/"),
    ("webhook.site", "/"),
    ("hc-ping.com", "/"),
    ("sctapi.ftqq.com", "/"),
    ("api.day.app", "/"),
    ("calendar.google.com", "/calendar/ical/"),
    ("events.pagerduty.com", "/integration/"),
    ("alert.victorops.com", "/integrations/"),
    ("sumologic.com", "/receiver/v1/http/"),
    ("loggly.com", "/inputs/"),
    ("infura.io", "/v3/"),
    ("alchemyapi.io", "/v2/"),
    ("alchemy.com", "/v2/"),
    ("quiknode.pro", "/"),
    ("rpc.ankr.com", "/*/"),
];

/// Names of segments behind which tokens stand, besides the sensitive keys.
const BEFORE_TOKENS: [&str; 18] = [
    "reset",
    "verify",
    "verification",
    "confirm",
    "confirmation",
    "activate",
    "activation",
    "invite",
    "invites",
    "invitation",
    "invitations",
    "magic",
    "magic-link",
    "unsubscribe",
    "hook",
    "hooks",
    "webhook",
    "webhooks",
];
/// So many segments behind such a name are looked at.
const REACH: usize = 3;
/// No name that tells something is longer.
const LONGEST_NAME: usize = 40;

/// The length of the path behind which all is secret, where a host is that of a service.
pub(crate) fn of_service(host: &str, path: &str) -> Option<usize> {
    let mark = self::mark(host)?.to_ascii_lowercase();
    SERVICES
        .iter()
        .filter(|(service, _)| self::mark(service) == Some(mark) && is_host_of(host, service))
        .find_map(|(_, pattern)| starts_with(path, pattern))
}

/// A letter by which most hosts differ from those of the services: the last one but five.
fn mark(host: &str) -> Option<u8> {
    host.len().checked_sub(6).map(|place| host.as_bytes()[place])
}

/// Whether a host is that of a service.
fn is_host_of(host: &str, service: &str) -> bool {
    host.len().checked_sub(service.len()).and_then(|start| host.get(start..)).is_some_and(|end| {
        end.eq_ignore_ascii_case(service)
            && matches!(host.as_bytes()[..host.len() - end.len()].last(), None | Some(b'.'))
    })
}

/// How much of a path a pattern takes.
fn starts_with(path: &str, pattern: &str) -> Option<usize> {
    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
    let rest = path.strip_prefix(before)?;
    if before.len() == pattern.len() {
        return Some(before.len());
    }
    let segment = rest.find('/')?;
    rest[segment..].starts_with(after).then_some(before.len() + segment + after.len())
}

/// The segments of a path that are tokens for what stands before them, as in `/reset-password/…` and `/hooks/…`, each by where it
/// starts and ends.
pub(crate) struct Tokens<'a> {
    keys: &'a SensitiveKeys,
    path: &'a str,
    place: usize,
    before: [&'a str; REACH],
    /// Whether the path starts with the name of a host, as the paths of Go's packages do.
    in_package: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn of(keys: &'a SensitiveKeys, path: &'a str) -> Self {
        let first = path.bytes().take_while(|&byte| byte != b'/').filter(|&byte| byte == b'.');
        // No token is without a digit.
        let place = if path.bytes().any(|byte| byte.is_ascii_digit()) { 0 } else { path.len() };
        Self { keys, path, place, before: [""; REACH], in_package: first.count() > 0 }
    }

    /// Whether a name tells that a segment is a token: one of those names a few segments before, or a sensitive key right before.
    fn is_behind_name(&self) -> bool {
        let named = self.before.iter().any(|name| {
            steps::count(name.len());
            BEFORE_TOKENS.iter().any(|known| name.eq_ignore_ascii_case(known))
        });
        let name = self.before[0];
        // What is kept as a secret has a name, as a file and what Go's packages have in them do.
        let has_names = self.in_package || name.eq_ignore_ascii_case("secrets");
        let told = !has_names && !name.is_empty() && name.len() <= LONGEST_NAME;
        named || told && self.keys.contains(name.as_bytes())
    }
}

impl Iterator for Tokens<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        while self.place < self.path.len() {
            let rest = &self.path[self.place..];
            let ends = |byte: u8| matches!(byte, b'/' | b'\\' | b';' | b'?' | b'#');
            let segment = &rest[..rest.bytes().position(ends).unwrap_or(rest.len())];
            steps::count(segment.len() + 1);
            let start = self.place;
            self.place += segment.len() + 1;
            // A sentence may go on behind the path.
            let token = segment.trim_end_matches([':', ',', '.', ')', ']', '}', '!']);
            let run = token.bytes().take_while(|&byte| is_of_token(byte)).count();
            // The name of a file has an ending.
            let found =
                !token[run..].starts_with('.') && looks_random(&token[..run]) && self.is_behind_name();
            self.before.rotate_right(1);
            self.before[0] = segment;
            if found {
                return Some((start, start + token.len()));
            }
        }
        None
    }
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_=~".contains(&byte)
}

/// Whether a segment has what neither names nor numbers of rows have: digits among letters of both cases, as no words joined by
/// capitals have them, or many digits among letters of one case, or the form of a UUID.
fn looks_random(segment: &str) -> bool {
    const SHORTEST: usize = 8;
    const SHORTEST_OF_ONE_CASE: usize = 16;
    const FEWEST_DIGITS: usize = 3;
    if segment.len() < SHORTEST || !segment.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let count = |kind: fn(&u8) -> bool| segment.bytes().filter(kind).count();
    let (digits, lower, upper) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    let joined = segment.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let hexadecimal = segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let mixed = digits.min(lower).min(upper) > 0 && mixes(segment.as_bytes(), digits);
    let long = (joined || hexadecimal) && segment.len() >= SHORTEST_OF_ONE_CASE;
    let of_one_case = lower.min(upper) == 0;
    mixed || long && (of_one_case || hexadecimal) && digits >= FEWEST_DIGITS && digits < segment.len()
}

/// Whether digits and letters change too often, or letters of both cases, for words joined by capitals and numbered, such as
/// `OAuth2Callback` and `V1Beta1Secret`.
fn mixes(segment: &[u8], digits: usize) -> bool {
    const LONG: usize = 16;
    const SHORTEST_WORD: usize = 3;
    let changes = segment
        .windows(2)
        .filter(|pair| {
            pair[0].is_ascii_alphanumeric()
                && pair[1].is_ascii_alphanumeric()
                && pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
        })
        .count();
    let mut words = segment.split(|byte| !byte.is_ascii_lowercase());
    let has_word = words.any(|word| word.len() >= SHORTEST_WORD);
    changes > 4 || changes > 1 && digits > 1 && !has_word || changes > 2 && segment.len() >= LONG
}
