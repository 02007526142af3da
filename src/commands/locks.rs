//! Where the locks of the tokens lie, for commands that ask beside a running exporter.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::client::turn::Turn;

/// The folder of the locks below `--storage.path`, which can be used.
pub(super) fn locks(storage: &Path) -> Result<PathBuf> {
    let folder = storage.join("locks");
    let words = || format!("cannot lock tokens in {}, see --storage.path", folder.display());
    Turn::new(&folder).check().with_context(words)?;
    Ok(folder)
}
