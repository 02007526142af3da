//! Rules that are slightly wrong, each of which some scenario must notice.
