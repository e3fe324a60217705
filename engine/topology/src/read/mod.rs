//! From tree to [`crate::written`]: structure, scalars, names. Nothing here depends on a column's type.

mod decode;
mod functions;
mod header;
mod landing;
mod parts;
mod records;
mod renames;
mod source;
mod steps;
mod table;
mod tests;
mod topology;

pub(crate) use table::table;
pub(crate) use topology::topology;
