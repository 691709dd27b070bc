//! A result laid out for people. Everything that goes onto a page is made harmless first.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};

use super::escape;
use super::grid::{CellGrid, GAP};

/// How a page looks.
#[derive(Debug, Clone, Copy)]
pub struct PageStyle {
    /// Whether it may have attributes like bold.
    pub styled: bool,
    /// The columns of the terminal; without one lines are as long as they are.
    pub width: Option<u16>,
}

impl PageStyle {
    /// Returns the style of stdout; `colours` says whether attributes are wanted where they can be
    /// shown.
    pub fn of_stdout(colours: bool) -> Self {
        /// A terminal that says that it is narrower than this does not know its width.
        const NARROWEST: u16 = 40;
        let terminal = io::stdout().is_terminal();
        let width = Table::new().width();
        Self {
            styled: terminal && colours,
            width: width.filter(|width| terminal && *width >= NARROWEST),
        }
    }
}

impl PageStyle {
    /// Whether there is neither a terminal's width nor an attribute to think of.
    fn is_plain(self) -> bool {
        !self.styled && self.width.is_none()
    }
}

/// A page in the making.
#[derive(Debug)]
pub struct OutputPage {
    style: PageStyle,
    text: String,
}

impl OutputPage {
    /// Returns an empty page.
    pub fn new(style: PageStyle) -> Self {
        Self {
            style,
            text: String::new(),
        }
    }

    /// Adds a table with a line of `columns` above it.
    pub fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut grid = CellGrid::new(columns.len());
        for name in columns {
            grid.push(&name.to_uppercase());
        }
        for text in rows.into_iter().flatten() {
            grid.push(&text);
        }
        if self.style.is_plain() && grid.is_ascii() {
            grid.write_aligned(&mut self.text);
        } else {
            self.add_wrapped_table(&grid);
        }
    }

    /// Adds a table that knows the width of letters and of the terminal.
    fn add_wrapped_table(&mut self, grid: &CellGrid) {
        let mut table = self.new_table();
        for (place, row) in grid.rows().enumerate() {
            if place == 0 {
                let bold = |name| Cell::new(name).add_attribute(Attribute::Bold);
                table.set_header(row.into_iter().map(bold));
            } else {
                table.add_row(row);
            }
        }
        self.add(&mut table);
    }

    /// Adds named values below each other.
    pub fn fields<'a>(&mut self, fields: impl IntoIterator<Item = (&'a str, String)>) {
        let mut table = self.new_table();
        for (name, value) in fields {
            table.add_row([
                Cell::new(name).add_attribute(Attribute::Bold),
                Cell::new(escape::escape_cell(&value)),
            ]);
        }
        self.add(&mut table);
    }

    /// Adds a line.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{}", escape::escape_cell(text));
    }

    /// Adds a heading, with an empty line above it.
    pub fn section(&mut self, heading: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let heading = escape::escape_cell(heading);
        let (bold, plain) = if self.style.styled {
            ("\u{1b}[1m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        let _ = writeln!(self.text, "{gap}{bold}{heading}{plain}");
    }

    /// Adds a text of several lines, indented.
    pub fn text(&mut self, text: &str) {
        for line in escape::escape_lines(text).lines() {
            let _ = writeln!(self.text, "{}", format!("  {line}").trim_end());
        }
    }

    fn new_table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING);
        if let Some(width) = self.style.width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        if self.style.styled {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    fn add(&mut self, table: &mut Table) {
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        for line in table.lines() {
            // Writing to a String does not fail.
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
    }

    /// Returns the page.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: PageStyle = PageStyle {
        styled: false,
        width: None,
    };

    #[test]
    fn tables_line_up_and_hostile_text_cannot_break_them() {
        let mut page = OutputPage::new(PLAIN);
        let rows = [["shop", "Ada\n\u{1b}[31m"], ["a-longer-one", "日本"]];
        page.table(
            &["slug", "client"],
            rows.map(|row| row.map(str::to_owned).to_vec()),
        );
        insta::assert_snapshot!(page.into_text());
    }

    #[test]
    fn both_ways_of_making_a_table_give_the_same() {
        let rows = ["coffee-shop", " spaces ", "x", "tea", "", "", "", "", ""];
        for rows in [&rows[..], &[]] {
            let mut grid = CellGrid::new(3);
            for text in ["SLUG", "A LONG HEAD", "NOTES"].iter().chain(rows) {
                grid.push(text);
            }
            let (mut quick, mut arranged) = (String::new(), OutputPage::new(PLAIN));
            grid.write_aligned(&mut quick);
            arranged.add_wrapped_table(&grid);
            assert_eq!(quick, arranged.into_text());
        }
    }

    #[test]
    fn styled_pages_have_bold_heads_only() {
        let mut page = OutputPage::new(PageStyle {
            styled: true,
            width: None,
        });
        page.fields([("Slug", "shop".to_owned())]);
        assert_eq!(page.into_text(), "\u{1b}[1mSlug  \u{1b}[0mshop\n");
    }
}
