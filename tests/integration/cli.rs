//! The command line as its user meets it: help, version, output and exit status of the built program.
//!
//! After a wanted change, write the expectations anew with `TRYCMD=overwrite cargo test --test integration cli`.

#[test]
fn the_program_says_what_its_manual_shows() {
    trycmd::TestCases::new()
        .case("tests/fixtures/cli/*.trycmd")
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .unwrap();
}
