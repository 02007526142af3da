//! Columns for people.

use std::io::{self, Write};

/// Writes rows with columns as wide as their widest cell; the columns numbered in `right` are set to the right.
pub(super) fn table<const N: usize>(
    rows: &[[String; N]],
    right: &[usize],
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cell = |(column, (cell, width)): (usize, (&String, usize))| {
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        };
        let cells: Vec<String> = row.iter().zip(widths).enumerate().map(cell).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
