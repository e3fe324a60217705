//! What is said where files are there and no pattern fits one of them: the name that comes nearest, and what is wrong in it.

use pattern::{Misfit, Pattern};

/// Files that no pattern fits.
#[derive(Debug, Default)]
pub struct Misfits {
    count: u64,
    /// The first of them.
    first: Vec<Vec<u8>>,
}

impl Misfits {
    /// Names that are compared. Larger: a nearer one may be found. Smaller: less work in each round.
    const COMPARED: usize = 20;
    /// Characters of a name, and of why it does not fit.
    const SHOWN: usize = 200;

    /// Takes note of a file by its name, which need not be UTF-8.
    pub fn add(&mut self, name: &[u8]) {
        self.count += 1;
        if self.first.len() < Self::COMPARED {
            self.first.push(name.to_owned());
        }
    }

    /// What would fit, and the name that comes nearest with what is wrong in it; `None` if there is no file.
    #[must_use]
    pub fn told(&self, patterns: &[Pattern]) -> Option<String> {
        let mut nearest: Option<(String, Misfit)> = None;
        for name in &self.first {
            let found = match std::str::from_utf8(name) {
                Err(_) => Some(Misfit { fits: 0, why: "it is not UTF-8".to_owned(), is_of_another_case: false }),
                Ok(name) => {
                    let found = patterns.iter().filter_map(|pattern| pattern.misfit(name));
                    found.reduce(|first, next| if next.fits > first.fits { next } else { first })
                }
            };
            let Some(found) = found else { continue };
            if nearest.as_ref().is_none_or(|(_, known)| found.fits > known.fits) {
                nearest = Some((batch::excerpt(name, Self::SHOWN), found));
            }
        }
        let (name, Misfit { why, .. }) = nearest?;
        let texts: Vec<String> = patterns.iter().map(|one| format!("`{}`", one.text())).collect();
        let (reads, why) = (texts.join(" or "), batch::excerpt(why.as_bytes(), Self::SHOWN));
        let which = match self.count {
            1 => format!("the only file there is `{name}`"),
            count => format!("of the {count} files there `{name}` comes nearest"),
        };
        Some(format!("it reads {reads}; {which}: {why}"))
    }
}
