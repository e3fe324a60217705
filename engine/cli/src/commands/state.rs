//! `state get`: looks a key up in the store of a dedupe step.

use anyhow::Result;

use super::ask::ask;
use crate::arguments::{Format, StateCommand};
use crate::control::Question;
use crate::exit::Exit;
use crate::{show, stores};

pub(crate) fn state(arguments: &StateCommand) -> Result<Exit> {
    let StateCommand::Get { place, key, format, data } = arguments;
    let answer = ask(data, None, &Question::State { place: place.clone(), key: key.clone() })?;
    match format {
        Format::Json => show::json(&answer),
        Format::Text => show::line(&stores::told(&answer)),
    }
    Ok(Exit::Fine)
}
