//! The texts of a table in one piece of memory: a list of thousands of lines would otherwise be tens
//! of thousands of small ones.

use super::escape;

/// Spaces between columns.
pub const GAP: u16 = 2;

/// Cells, row by row; the first row is the head. Every text in it is harmless.
#[derive(Debug)]
pub struct CellGrid {
    columns: usize,
    text: String,
    ends: Vec<usize>,
}

impl CellGrid {
    /// Returns an empty grid of so many columns.
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    /// Adds the next cell.
    pub fn push(&mut self, text: &str) {
        escape::push_escaped_cell(&mut self.text, text);
        self.ends.push(self.text.len());
    }

    /// Whether all letters are as wide as one another.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Returns the rows.
    pub fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        let mut begin = 0;
        self.ends.chunks(self.columns.max(1)).map(move |ends| {
            let cell = |end: &usize| &self.text[std::mem::replace(&mut begin, *end)..*end];
            ends.iter().map(cell).collect()
        })
    }

    /// Adds the rows to `out`, one line each, the columns below each other. The letters must all be
    /// as wide as one another; lines are as long as they are.
    pub fn write_aligned(&self, out: &mut String) {
        let widths = self.widths();
        let line = widths
            .iter()
            .map(|width| width + usize::from(GAP))
            .sum::<usize>()
            + 1;
        out.reserve(line * self.ends.len() / self.columns.max(1));
        let mut begin = 0;
        for ends in self.ends.chunks(self.columns.max(1)) {
            let start = out.len();
            for (end, width) in ends.iter().zip(&widths) {
                let text = &self.text[begin..*end];
                out.push_str(text);
                out.extend(std::iter::repeat_n(
                    ' ',
                    width + usize::from(GAP) - text.len(),
                ));
                begin = *end;
            }
            let end = out.trim_end_matches(' ').len();
            out.truncate(end.max(start));
            out.push('\n');
        }
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.columns];
        let mut begin = 0;
        for ends in self.ends.chunks(self.columns.max(1)) {
            for (end, width) in ends.iter().zip(&mut widths) {
                *width = (end - begin).max(*width);
                begin = *end;
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_as_they_went_in_and_harmless() {
        let mut grid = CellGrid::new(2);
        for text in ["a", "b", "c\n", ""] {
            grid.push(text);
        }
        let rows: Vec<Vec<&str>> = grid.rows().collect();
        assert_eq!(rows, [["a", "b"], ["c\\n", ""]]);
    }
}
