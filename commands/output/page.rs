//! A result as text. Everything on a page is escaped.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};

use super::escape;
use super::grid::{CellGrid, GAP};

#[derive(Debug, Clone, Copy)]
pub struct PageStyle {
    /// Whether attributes such as bold may be used.
    pub styled: bool,
    /// The width of the terminal, in columns; without it lines are not wrapped.
    pub width: Option<u16>,
}

impl PageStyle {
    /// Returns the style of stdout; attributes are only used on a terminal and if `colours` is set.
    pub fn of_stdout(colours: bool) -> Self {
        /// A terminal that reports a smaller width does not know its width.
        const MIN_WIDTH: u16 = 40;
        let terminal = io::stdout().is_terminal();
        let width = Table::new().width();
        Self {
            styled: terminal && colours,
            width: width.filter(|width| terminal && *width >= MIN_WIDTH),
        }
    }
}

impl PageStyle {
    /// Whether lines are not wrapped and have no attributes.
    fn is_plain(self) -> bool {
        !self.styled && self.width.is_none()
    }
}

#[derive(Debug)]
pub struct OutputPage {
    style: PageStyle,
    text: String,
}

impl OutputPage {
    pub fn new(style: PageStyle) -> Self {
        Self {
            style,
            text: String::new(),
        }
    }

    /// Adds a table with a header line of `columns`.
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

    /// Adds a table that respects the width of characters and of the terminal.
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

    /// Adds named values, one per line.
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

    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{}", escape::escape_cell(text));
    }

    /// Adds a heading after an empty line.
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

    /// Adds an indented text of one or more lines.
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
    fn aligned_and_wrapped_tables_are_the_same() {
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
