//! The compact binary form of cells and sums: variable-length integers, text with its length.

use super::LedgerError;

/// Appends values to bytes.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.unsigned(value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(super) fn fixed<const N: usize>(&mut self, bytes: [u8; N]) {
        self.0.extend_from_slice(&bytes);
    }
}

/// Takes values from bytes; what does not parse is damage.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn unsigned(&mut self) -> Result<u64, LedgerError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(cut)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(LedgerError::Damaged("an integer has no end".into()))
    }

    pub(super) fn signed(&mut self) -> Result<i64, LedgerError> {
        let raw = self.unsigned()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    pub(super) fn small(&mut self) -> Result<u32, LedgerError> {
        u32::try_from(self.unsigned()?).map_err(|_| LedgerError::Damaged("a number is too large".into()))
    }

    pub(super) fn count(&mut self) -> Result<usize, LedgerError> {
        let count = self.unsigned()? as usize;
        // Every counted thing takes at least one byte, so a larger count cannot be true.
        if count > self.0.len() { Err(cut()) } else { Ok(count) }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, LedgerError> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| LedgerError::Damaged("a text is not UTF-8".into()))
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], LedgerError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or_else(cut)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// The next bytes, as many as [`Reader::count`] has allowed.
    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub(super) fn end(&self) -> Result<(), LedgerError> {
        if self.0.is_empty() { Ok(()) } else { Err(LedgerError::Damaged("a record is too long".into())) }
    }
}

fn cut() -> LedgerError {
    LedgerError::Damaged("a record is cut".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(a: u64, b: i64, text: String, fixed: [u8; 16]) {
            let mut writer = Writer::default();
            writer.unsigned(a);
            writer.signed(b);
            writer.text(&text);
            writer.fixed(fixed);
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.unsigned().unwrap(), a);
            prop_assert_eq!(reader.signed().unwrap(), b);
            prop_assert_eq!(reader.text().unwrap(), text);
            prop_assert_eq!(reader.fixed::<16>().unwrap(), fixed);
            prop_assert!(reader.end().is_ok());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.unsigned().is_ok() && reader.text().is_ok() {}
            prop_assert!(reader.0.len() <= bytes.len());
        }
    }
}
