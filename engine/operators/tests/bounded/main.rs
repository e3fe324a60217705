//! What documents cost, by counting what the program allocates: documents of any size, and documents made to do harm.
//!
//! The documents are read by the real formats and archives, proven and worked as a flow does it. Each reading has the
//! process to itself, so that the count is its own.

#![expect(unsafe_code, reason = "an allocator that counts can be written in no other way")]

mod bytes;
mod counted;
mod hostile;
mod reading;
mod size;
