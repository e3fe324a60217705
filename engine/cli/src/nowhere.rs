//! A landing that writes nowhere: for runs that only show what would land.
//!
//! Its table is always as planned and always empty, and every insert is acknowledged. What a real table would have said
//! (a missing column, rows that are there already, keys that a newer version withdraws) it cannot know.

use connect::{InsertOutcome, Landing, LandingError, Piece, PieceQuestion, Preflight, Provenance, RowPosition};

/// Takes every row and keeps none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nowhere;

impl Landing for Nowhere {
    fn preflight(&self) -> Result<Preflight, LandingError> {
        Ok(Preflight::Ready)
    }

    fn apply(&self, _statements: &[String]) -> Result<(), LandingError> {
        Ok(())
    }

    fn insert(&self, _piece: &Piece) -> Result<InsertOutcome, LandingError> {
        Ok(InsertOutcome::Acknowledged)
    }

    fn present(&self, _question: &PieceQuestion) -> Result<Vec<RowPosition>, LandingError> {
        Ok(Vec::new())
    }

    fn landed_before(&self, _flow: &str, _provenance: &Provenance) -> Result<u64, LandingError> {
        Ok(0)
    }

    fn holds_rows(&self, _landing: Option<&str>) -> Result<bool, LandingError> {
        Ok(false)
    }

    fn end_queries(&self, _prefix: &str) -> Result<(), LandingError> {
        Ok(())
    }

    fn withdraw(
        &self,
        _document: &str,
        _version: u64,
        _provenance: &Provenance,
        _at: RowPosition,
    ) -> Result<u64, LandingError> {
        Ok(0)
    }
}
