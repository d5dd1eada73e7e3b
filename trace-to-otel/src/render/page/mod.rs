//! What all pages are made of: one file that needs no network, and opens in any browser.
//!
//! What the program chose stands in the page as packed data only, and becomes text nodes, never markup. The page's policy
//! lets its own script and style run, by their hashes, and nothing else: no request leaves it.

mod texts;

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD, write::EncoderWriter};
use flate2::{Compression, write::ZlibEncoder};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(super) use texts::Texts;

/// What comes before the scripts and styles of each page.
const COMMON_SCRIPT: &str = include_str!("common.js");
const COMMON_STYLE: &str = include_str!("style.css");

/// What is said where the data cannot be read, or anything else has failed.
const FAILED: &str = ".catch((error) => {
  const notes = document.getElementById(\"notes\");
  notes.hidden = false;
  notes.textContent = `This page cannot be shown: the file is not whole, or the browser is older than 2023 (${error}).`;
  throw error;
})";

/// A page, but for its data.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// What stands in its header, behind the title.
    pub(super) tools: &'a str,
    /// What is below.
    pub(super) body: &'a [&'a str],
    pub(super) styles: &'a [&'a str],
    pub(super) scripts: &'a [&'a str],
}

impl Page<'_> {
    /// Writes it, with what its script gets to know.
    pub(super) fn write(&self, data: &impl Serialize, output: &mut (impl Write + ?Sized)) -> io::Result<()> {
        const FRAME: &str = include_str!("frame.html");
        let style = self.style();
        let script = format!(
            "\"use strict\";\n(async () => {{\n{COMMON_SCRIPT}{}}})(){FAILED};\n",
            self.scripts.concat()
        );
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
            hash(&script),
            hash(&style)
        );
        // What stands between the places to fill in is not looked through again: texts may look like such places.
        let mut rest = FRAME;
        while let Some((before, after)) = rest.split_once("{{") {
            let (place, after) = after.split_once("}}").expect("places are closed");
            output.write_all(before.as_bytes())?;
            match place {
                "policy" => output.write_all(policy.as_bytes())?,
                "title" => output.write_all(escape(self.title).as_bytes())?,
                "style" => output.write_all(style.as_bytes())?,
                "tools" => output.write_all(self.tools.as_bytes())?,
                "body" => self.body.iter().try_for_each(|part| output.write_all(part.as_bytes()))?,
                "script" => output.write_all(script.as_bytes())?,
                _ => write_data(data, output)?,
            }
            rest = after;
        }
        output.write_all(rest.as_bytes())
    }

    pub(super) fn style(&self) -> String {
        [COMMON_STYLE, &self.styles.concat()].concat()
    }
}

/// What a policy calls a script or style by (Content Security Policy Level 3, "hash-source").
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// JSON, compressed as zlib does (RFC 1950), which browsers take apart themselves, in base64.
fn write_data(data: &impl Serialize, output: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let text = EncoderWriter::new(output, &STANDARD);
    let mut packed = io::BufWriter::new(ZlibEncoder::new(text, Compression::default()));
    serde_json::to_writer(&mut packed, data)?;
    packed.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.finish().map(drop)
}

/// What holds of every page, for the tests of each.
#[cfg(test)]
pub(super) mod checks {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use flate2::read::ZlibDecoder;
    use serde_json::Value;

    use super::{escape, hash};

    /// What stands between the first `before` and the next `after`.
    pub(in crate::render) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
        let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
        rest.split_once(after).unwrap_or_else(|| panic!("no {after} after {before}")).0
    }

    pub(in crate::render) fn data(page: &str) -> Value {
        let packed = between(page, "<script id=\"data\" type=\"text/plain\">", "</script>");
        let packed = STANDARD.decode(packed).expect("base64");
        serde_json::from_reader(ZlibDecoder::new(&packed[..])).expect("compressed JSON")
    }

    /// A page of which each foreign text is `hostile`.
    pub(in crate::render) fn no_text_becomes_markup(page: &str, hostile: &str) {
        assert!(!page.contains("<img"), "{page}");
        assert_eq!(page.matches("</script").count(), 2, "the data's own and the script's");
        assert_eq!(page.matches("<!--").count(), 0);
        for place in ["{{policy}}", "{{title}}", "{{style}}", "{{tools}}", "{{body}}", "{{script}}"] {
            assert!(!page.contains(place), "{place}");
        }
        the_policy_knows_script_and_style_only(page, hostile);
    }

    fn the_policy_knows_script_and_style_only(page: &str, hostile: &str) {
        let policy = between(page, "Content-Security-Policy\" content=\"", "\"");
        let script = between(page, "<script>", "</script>");
        let style = between(page, "<style>", "</style>");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains(&format!("script-src '{}';", hash(script))), "{policy}");
        assert!(policy.contains(&format!("style-src '{}';", hash(style))), "{policy}");
        for attribute in [" src=", " href=", " onclick=", " style=\""] {
            let markup = page.replace(script, "").replace(style, "");
            let markup = markup.split("<script id=\"data\"").next().expect("a beginning");
            assert!(!markup.replace(&escape(hostile), "").contains(attribute), "{attribute}");
        }
        // What would make markup of a text.
        for sink in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!script.contains(sink), "{sink}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_policy_s_specification() {
        // The example of Content Security Policy Level 3, section "hash-source": alert('Hello, world.');
        assert_eq!(hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }
}
