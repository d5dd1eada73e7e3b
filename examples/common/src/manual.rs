//! Manual pages and the completions of shells, from what a command line says of itself.

use std::{fs, io, path::Path};

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

/// Writes those of a program into a folder.
///
/// # Errors
///
/// The folder cannot be made or written to.
pub fn write<Program: CommandFactory>(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = Program::command();
    let name = command.get_name().to_owned();
    for &shell in Shell::value_variants() {
        clap_complete::generate_to(shell, &mut command, &name, folder)?;
    }
    clap_mangen::generate_to(Program::command(), folder)
}
