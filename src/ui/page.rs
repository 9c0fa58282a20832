//! A page of text: headings, wrapped lines, aligned columns. Widths are those on a terminal, where a Chinese character
//! takes two columns.

use crate::base::text::printable;
use crate::ui::terminal::width::{left, right, split, width};
use crate::ui::terminal::{Emphasis, TextFormat};

/// A page as it is being written.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    text_format: TextFormat,
}

/// One row of a table: a name, numbers, words beside and lines below them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableRow {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
    /// Cells to look at, by position.
    pub(crate) inked: Vec<(usize, Emphasis)>,
    /// Words after the numbers.
    pub(crate) remark: String,
    pub(crate) notes: Vec<String>,
}

impl Page {
    pub(crate) fn new(text_format: TextFormat) -> Self {
        Self { text: String::new(), text_format }
    }

    /// A heading, with an empty line before it.
    pub(crate) fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let line = self.text_format.palette.paint(Emphasis::Bold, &printable(text));
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// Text of one paragraph, its first line begun by `mark`, all lines indented to it.
    pub(crate) fn paragraph(&mut self, mark: &str, text: &str) {
        self.inked_paragraph(mark, text, None);
    }

    /// A paragraph that stands out.
    pub(crate) fn inked_paragraph(&mut self, mark: &str, text: &str, emphasis: Option<Emphasis>) {
        let indent = width(mark);
        for (n, line) in
            wrapped(&printable(text), self.text_format.columns.saturating_sub(indent)).iter().enumerate()
        {
            let line = if n == 0 { format!("{mark}{line}") } else { format!("{:indent$}{line}", "") };
            let line =
                emphasis.map_or(line.clone(), |emphasis| self.text_format.palette.paint(emphasis, &line));
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// A table: names to the left, numbers to the right, its heads in the line of the heading.
    pub(crate) fn table(&mut self, heading: &str, heads: &[&str], rows: &[TableRow]) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let rows: Vec<TableRow> = rows.iter().cloned().map(TableRow::printable).collect();
        let names = rows.iter().map(|row| width(&row.name) + 2).chain([width(heading)]).max();
        let names = names.unwrap_or_default();
        let widest = |n: usize| {
            let cells = rows.iter().filter_map(|row| row.cells.get(n)).map(|cell| width(cell));
            cells.chain(heads.get(n).map(|head| width(head))).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..heads.len()).map(widest).collect();
        // A table that is too wide has its longest names in lines of their own.
        let numbers: usize = widths.iter().map(|columns| columns + 2).sum();
        let room = self.text_format.columns.saturating_sub(numbers).max(width(heading));
        let names = names.min(room);
        let mut line = left(heading, names);
        for (head, columns) in heads.iter().zip(&widths) {
            line.push_str(&format!("  {}", right(head, *columns)));
        }
        let line = self.text_format.palette.paint(Emphasis::Bold, &line);
        self.text.push_str(&line);
        self.text.push('\n');
        for row in rows {
            let mut line = format!("  {}", left(&row.name, names.saturating_sub(2)));
            if width(&row.name) + 2 > names && !row.cells.is_empty() {
                self.text.push_str(&format!("  {}\n", row.name));
                line = left("", names);
            }
            for (n, (cell, columns)) in row.cells.iter().zip(&widths).enumerate() {
                let cell = right(cell, *columns);
                let emphasis = row.inked.iter().find(|(at, _)| *at == n);
                let cell = emphasis
                    .map_or(cell.clone(), |(_, emphasis)| self.text_format.palette.paint(*emphasis, &cell));
                line.push_str(&format!("  {cell}"));
            }
            line.push_str(&format!("  {}", row.remark));
            self.text.push_str(line.trim_end());
            self.text.push('\n');
            for note in &row.notes {
                self.paragraph("      ", note);
            }
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

impl TableRow {
    fn printable(mut self) -> Self {
        self.name = printable(&self.name).into_owned();
        self.remark = printable(&self.remark).into_owned();
        self
    }
}

/// Lines of whole words, at most `columns` wide where the words allow. A long word in a script that has no blanks is broken;
/// others, such as paths, stay whole so that they can be copied.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    // The widest character must fit.
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        while line.is_empty() && width(word) > columns && width(word) > word.chars().count() {
            let (head, tail) = split(word, columns);
            lines.push(head.to_owned());
            word = tail;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::terminal::Palette;

    #[test]
    fn lines_are_whole_words() {
        for (text, columns, lines) in [
            ("", 5, vec![""]),
            ("one two three", 7, vec!["one two", "three"]),
            ("one two three", 80, vec!["one two three"]),
            ("a-word-that-is-too-long b", 5, vec!["a-word-that-is-too-long", "b"]),
            ("每日 备份", 5, vec!["每日", "备份"]),
            ("每日备份策略 b", 5, vec!["每日", "备份", "策略", "b"]),
            ("每日", 1, vec!["每", "日"]),
        ] {
            assert_eq!(wrapped(text, columns), lines);
        }
    }

    #[test]
    fn columns_are_aligned_with_and_without_colours() {
        let rows = [
            TableRow {
                name: "backups".into(),
                cells: vec!["1,000".into(), "0".into()],
                ..TableRow::default()
            },
            TableRow {
                name: "tag".into(),
                cells: vec!["7".into(), "12".into()],
                inked: vec![(1, Emphasis::Red)],
                remark: "so".into(),
                notes: vec!["why".into()],
            },
        ];
        let page = |coloured| {
            let mut page = Page::new(TextFormat { palette: Palette { coloured }, columns: 100 });
            page.table("Rows", &["read", "bad"], &rows);
            page.finish()
        };
        assert_eq!(
            page(false),
            "Rows        read  bad\n  backups  1,000    0\n  tag          7   12  so\n      why\n"
        );
        let plain = page(true).replace("\x1b[1m", "").replace("\x1b[31m", "").replace("\x1b[0m", "");
        assert_eq!(plain, page(false));
        assert!(page(true).contains("\x1b[31m 12\x1b[0m"));
    }

    #[test]
    fn names_in_chinese_do_not_push_numbers_aside() {
        let row = |name: &str, cell: &str| TableRow {
            name: name.into(),
            cells: vec![cell.into()],
            ..TableRow::default()
        };
        let mut page = Page::new(TextFormat { palette: Palette { coloured: false }, columns: 100 });
        page.table("表", &["行"], &[row("每日备份", "7"), row("nightly", "12")]);
        assert_eq!(page.finish(), "表          行\n  每日备份   7\n  nightly   12\n");
    }
}
