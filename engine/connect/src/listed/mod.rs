//! What sources share that list named things: files of a folder, objects of a bucket.
//!
//! Which names they take ([`claim`]), what is said where nothing fits ([`Misfits`]), and what a round
//! does with what is there ([`Round`]).

mod misfits;
mod names;
mod round;

pub use misfits::Misfits;
pub use names::{Aside, Claim, FileNames, claim, mark, skipped, spells};
pub use pattern::Pattern;
pub use round::{Content, Listed, Round};
