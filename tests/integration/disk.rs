//! A disk that misbehaves on demand, beneath the real program: full, read-only, broken, or slow.
//!
//! A small library in C stands between the program and the system and answers for the files below one folder. It needs
//! nothing but the C compiler that Rust links with, so that it works for every user and in every container.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::program::{EXECUTABLE, Program, serving};

/// What the disk is like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mood {
    Ok,
    Full,
    ReadOnly,
    Broken,
    Slow,
}

/// The disk of one folder.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    mood: PathBuf,
}

impl Disk {
    /// The disk on which the ledger in `folder` lies.
    pub(super) fn of(folder: &Path) -> Disk {
        let disk = Disk { folder: folder.join("data"), mood: folder.join("mood") };
        disk.is(Mood::Ok);
        disk
    }

    /// From now on the disk is like this.
    pub(super) fn is(&self, mood: Mood) {
        let word = match mood {
            Mood::Ok => "ok",
            Mood::Full => "full",
            Mood::ReadOnly => "readonly",
            Mood::Broken => "broken",
            Mood::Slow => "slow",
        };
        let next = self.mood.with_extension("next");
        fs::write(&next, word).unwrap();
        fs::rename(&next, &self.mood).unwrap();
    }

    /// The program on this disk, serving from its folder.
    pub(super) fn serve(&self, folder: &Path) -> Program {
        let arguments = serving(folder);
        self.start(&arguments.each_ref().map(String::as_str), &[])
    }

    /// The program on this disk.
    pub(super) fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        let mut command = Command::new(EXECUTABLE);
        command.args(arguments).env_clear().envs(variables.iter().copied());
        command.env("LD_PRELOAD", library());
        command.env("WOLKVOX_TEST_DISK", &self.folder).env("WOLKVOX_TEST_DISK_MOOD", &self.mood);
        Program::spawn(&mut command)
    }
}

/// The library, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/disk.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&path, &source])
            .arg("-ldl")
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        (folder, path)
    });
    path
}
