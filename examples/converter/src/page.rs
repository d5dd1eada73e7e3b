//! Pages of text: how wide they are, and whether in colours.

use std::io::{self, BufWriter, Stdout};

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use clap::Args;
use console::Term;

use crate::cli::Color;

/// Fewer columns are not enough for the figures.
const LEAST_WIDTH: usize = 80;
/// In how many columns a figure of a table is told.
pub(crate) const FIGURE: usize = 9;

#[derive(Debug, Args)]
pub(crate) struct PageArguments {
    /// Cuts lines at so many columns, at least 80 [default: the terminal's width, or 80].
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    /// When to use colours.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: Color,
}

impl PageArguments {
    /// Standard output, and what a page looks like there.
    pub(crate) fn open(&self) -> (BufWriter<AutoStream<Stdout>>, Look) {
        let output = AutoStream::auto(io::stdout());
        let colors = output.current_choice() != ColorChoice::Never;
        (BufWriter::new(output), Look { width: self.columns(), colors })
    }

    /// So many if anybody says, else as many as the terminal has.
    fn columns(&self) -> usize {
        let of_terminal = || Term::stdout().size_checked().map(|(_, columns)| columns.into());
        self.width.or_else(of_terminal).map_or(LEAST_WIDTH, |width: usize| width.max(LEAST_WIDTH))
    }
}

/// What a page looks like.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: usize,
    colors: bool,
}

impl Look {
    /// A style, where there are colours.
    pub(crate) fn ansi(self, style: Style) -> Style {
        if self.colors { style } else { Style::new() }
    }
}
