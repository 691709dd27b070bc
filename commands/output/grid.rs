//! The cells of a table in one buffer: a list of thousands of lines would otherwise need tens of
//! thousands of small allocations.

use super::escape;

/// Spaces between columns.
pub const GAP: u16 = 2;

/// The cells, row by row, already escaped; the first row is the header.
#[derive(Debug)]
pub struct CellGrid {
    columns: usize,
    text: String,
    ends: Vec<usize>,
}

impl CellGrid {
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    pub fn push(&mut self, text: &str) {
        escape::push_escaped_cell(&mut self.text, text);
        self.ends.push(self.text.len());
    }

    /// Returns whether all characters are one column wide.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    pub fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        let mut begin = 0;
        self.ends.chunks(self.columns.max(1)).map(move |ends| {
            let cell = |end: &usize| &self.text[std::mem::replace(&mut begin, *end)..*end];
            ends.iter().map(cell).collect()
        })
    }

    /// Appends the rows to `out`, one line each, with aligned columns. Needs [`CellGrid::is_ascii`]. Lines
    /// are not wrapped.
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
    fn rows_keep_their_order_and_are_escaped() {
        let mut grid = CellGrid::new(2);
        for text in ["a", "b", "c\n", ""] {
            grid.push(text);
        }
        let rows: Vec<Vec<&str>> = grid.rows().collect();
        assert_eq!(rows, [["a", "b"], ["c\\n", ""]]);
    }
}
