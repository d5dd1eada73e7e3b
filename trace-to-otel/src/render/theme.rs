//! Colours, where somebody wants them.

use anstyle::{AnsiColor, Style};

use crate::span::Scope;

/// Whether there are colours, and which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    has_colors: bool,
    /// What matters less.
    pub(super) dim: Style,
    /// What the trace does not tell.
    pub(super) incomplete: Style,
    /// What is on the critical path.
    pub(super) critical: Style,
    /// What has failed.
    pub(super) error: Style,
}

impl Theme {
    pub(super) const fn new(has_colors: bool) -> Self {
        let plain = Style::new();
        if !has_colors {
            return Self { has_colors, dim: plain, incomplete: plain, critical: plain, error: plain };
        }
        Self {
            has_colors,
            dim: plain.dimmed(),
            incomplete: AnsiColor::Yellow.on_default(),
            critical: AnsiColor::Red.on_default(),
            error: AnsiColor::Red.on_default().bold(),
        }
    }

    /// The style, or none.
    pub(super) const fn style(self, style: Style) -> Style {
        if self.has_colors { style } else { Style::new() }
    }

    pub(super) fn scope(self, scope: &Scope) -> Style {
        let style = match scope {
            Scope::Task => AnsiColor::Cyan.on_default().bold(),
            Scope::Region | Scope::Function | Scope::Custom(_) => AnsiColor::Green.on_default(),
            Scope::Http | Scope::Rpc => AnsiColor::Blue.on_default().bold(),
            Scope::Sql | Scope::Database | Scope::Messaging => AnsiColor::Magenta.on_default(),
            Scope::Net | Scope::Tls => AnsiColor::Cyan.on_default(),
            // What the runtime does for its own sake.
            Scope::Range => self.dim,
        };
        self.style(style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_have_colours_where_they_are_wanted() {
        let styles = Scope::ALL.map(|scope| Theme::new(true).scope(&scope));
        assert!(styles.iter().all(|style| !style.is_plain()), "{styles:?}");
        assert!(styles[0] != styles[1] && styles[1] != styles[2], "{styles:?}");
        assert!(Scope::ALL.iter().all(|scope| Theme::new(false).scope(scope).is_plain()));
    }
}
