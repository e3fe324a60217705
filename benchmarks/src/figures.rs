//! What was measured, as medians and ratios, and the report that is kept.

use std::fmt::Write as _;

use crate::process::Cost;

/// One run of one contestant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The contestant's own process; for ClickHouse alone only the wall time.
    pub own: Cost,
    /// Processor seconds of the server meanwhile.
    pub server: f64,
}

/// All runs of one contestant.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// What it is called in the report.
    pub name: &'static str,
    /// One entry a round.
    pub runs: Vec<Measured>,
}

/// A contest: the same rows by several ways, round by round.
#[derive(Clone, Debug)]
pub struct Contest {
    /// What was done.
    pub title: String,
    /// Rows of each run.
    pub rows: u64,
    /// All who took part. Ratios are to the first.
    pub contestants: Vec<Contestant>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl Contest {
    /// A contest without runs.
    #[must_use]
    pub fn new(title: String, rows: u64) -> Self {
        Self { title, rows, contestants: Vec::new(), notes: Vec::new() }
    }

    /// Adds one run.
    pub fn add(&mut self, name: &'static str, run: Measured) {
        eprintln!(
            "  {name}: {:.2} s wall, {:.2} s CPU, {:.2} s CPU of the server, {:.0} MiB",
            run.own.wall, run.own.cpu, run.server, run.own.memory
        );
        match self.contestants.iter_mut().find(|contestant| contestant.name == name) {
            Some(contestant) => contestant.runs.push(run),
            None => self.contestants.push(Contestant { name, runs: vec![run] }),
        }
    }

    /// The contest as a section of a report.
    #[must_use]
    pub fn section(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        text += "| way | wall s: all rounds | median | ratio | CPU s own | CPU s server | CPU s both, ratio | rows / s | own memory MiB |\n";
        text += "|---|---|---|---|---|---|---|---|---|\n";
        let first = self.contestants.first().map(Contestant::medians).unwrap_or_default();
        for contestant in &self.contestants {
            let median = contestant.medians();
            let walls: Vec<String> = contestant.runs.iter().map(|run| format!("{:.2}", run.own.wall)).collect();
            let (both, first_both) = (median.own.cpu + median.server, first.own.cpu + first.server);
            let memory = if median.own.memory > 0.0 { format!("{:.0}", median.own.memory) } else { "–".to_owned() };
            // Writing to a string cannot fail.
            let _written = writeln!(
                text,
                "| {} | {} | {:.2} | **{:.2}** | {:.2} | {:.2} | {:.2} | {:.0} | {memory} |",
                contestant.name,
                walls.join(", "),
                median.own.wall,
                median.own.wall / first.own.wall,
                median.own.cpu,
                median.server,
                both / first_both,
                self.rows as f64 / median.own.wall,
            );
        }
        text.push('\n');
        self.notes.iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }
}

impl Contestant {
    /// The median of each figure, apart from the others.
    #[must_use]
    pub fn medians(&self) -> Measured {
        let of = |figure: &dyn Fn(&Measured) -> f64| median(self.runs.iter().map(figure).collect());
        Measured {
            own: Cost { wall: of(&|run| run.own.wall), cpu: of(&|run| run.own.cpu), memory: of(&|run| run.own.memory) },
            server: of(&|run| run.server),
        }
    }
}

/// The middle one, or the mean of the two in the middle; 0 of none.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        length if length.is_multiple_of(2) => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_the_middle() {
        for (figures, expected) in
            [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 9.0], 3.0)]
        {
            assert_eq!(median(figures).to_bits(), f64::to_bits(expected));
        }
    }

    #[test]
    fn ratios_are_to_the_first_contestant() {
        let mut contest = Contest::new("work".into(), 100);
        let run = |wall, cpu, server| Measured { own: Cost { wall, cpu, memory: 0.0 }, server };
        contest.add("bound", run(2.0, 0.0, 3.0));
        contest.add("ours", run(5.0, 4.0, 2.0));
        let section = contest.section();
        assert!(section.contains("| bound | 2.00 | 2.00 | **1.00** |"), "{section}");
        assert!(section.contains("| ours | 5.00 | 5.00 | **2.50** | 4.00 | 2.00 | 2.00 | 20 |"), "{section}");
    }
}
