//! `man`: writes the pages of the manual, one for each command, from the same declarations as `--help`.

use std::path::Path;

use anyhow::Result;

use crate::arguments::Man;
use crate::exit::{Exit, failure};
use crate::show;

pub(crate) fn man(arguments: &Man, program: clap::Command) -> Result<Exit> {
    let folder = &arguments.out;
    std::fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    clap_mangen::generate_to(program, folder).map_err(|error| refused(folder, &error))?;
    show::line(&format!("written: {}", folder.join("spotlight.1").display()));
    Ok(Exit::Fine)
}

fn refused(folder: &Path, error: &std::io::Error) -> anyhow::Error {
    let what = format!("the pages cannot be written into {}: {error}", folder.display());
    failure(Exit::Environment, what, "name a folder that can be written with --out DIR")
}
