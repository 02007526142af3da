//! Readings become totals, each call counted exactly once, on disk.
