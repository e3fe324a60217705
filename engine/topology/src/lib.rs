//! What a topology file means: reader with positions, diagnostics, typed plan, description. Inert.

pub mod diagnostic;
pub mod plan;
