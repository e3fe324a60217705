//! What sources share that list named things: files of a folder, objects of a bucket.
//!
//! Which names they take ([`claim`]), in which order things of one document are its versions ([`by_name`]), what is said
//! where nothing fits ([`Misfits`]), and what a round does with what is there ([`Round`]).

mod misfits;
mod names;
mod order;
mod round;

pub use misfits::Misfits;
pub use names::{Aside, Claim, FileNames, claim, mark, skipped, spells};
pub use order::by_name;
pub use pattern::Pattern;
pub use round::{Content, Listed, Round};
