//! Results as Markdown: a page for each algorithm.

use std::fmt::Write as _;

use super::Row;
use crate::statistics::{bootstrap_ci, iqm, mean_std, median};
use crate::{Algo, Summary};

/// What the seeds of a row came to; those that were not run are not among them.
#[derive(Clone, Debug)]
pub struct Results {
    /// The row.
    pub row: Row,
    /// Finished seeds, in their order.
    pub summaries: Vec<Summary>,
}

impl Results {
    fn returns(&self) -> Vec<f64> {
        self.summaries.iter().filter_map(|summary| summary.greedy_return.map(|r| r.mean)).collect()
    }

    /// How many seeds reached the goal; nothing without one.
    pub fn reached(&self) -> Option<usize> {
        let goal = self.row.goal?;
        Some(self.returns().iter().filter(|return_| **return_ >= goal).count())
    }

    /// The row of a page's table.
    fn line(&self) -> String {
        let other = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
        let (zoo, cleanrl) = (other(&self.row.zoo), other(&self.row.cleanrl));
        let returns = self.returns();
        let goal = self.row.goal.map_or("–".into(), |goal| format!("{goal}"));
        if returns.is_empty() {
            return format!("| {} | not run | | | {goal} | | | | {zoo} | {cleanrl} |", self.row.env);
        }
        let (mean, std) = mean_std(&returns);
        let (low, high) = bootstrap_ci(&returns, iqm, 0.95, 10_000, 0);
        let reached = self.reached().map_or("–".into(), |reached| format!("{reached} of {}", returns.len()));
        let steps = self.summaries.iter().map(|summary| summary.steps).max().unwrap_or(0);
        let seconds: Vec<f64> = self.summaries.iter().map(|summary| summary.cpu_s).collect();
        format!(
            "| {} | {} | {mean:.1} ± {std:.1} | {:.1} [{low:.1}, {high:.1}] | {goal} | {reached} | {steps} | {:.1} | {zoo} | {cleanrl} |",
            self.row.env,
            returns.len(),
            iqm(&returns),
            median(&seconds)
        )
    }
}

/// The page of `algo`, with its rows among `outcomes`; `command` is what makes it again.
pub fn page(algo: Algo, outcomes: &[Results], command: &str) -> String {
    let mut page = format!(
        "# {algo}: results\n\n{} Made by\n\n```sh\n{command}\n```\n\n",
        "Each seed is a whole run with the shipped settings. A seed's return is the mean over the episodes of its last \
         evaluation: greedy, on fresh episodes, of the weights that evaluations in training found best."
    );
    page += "| environment | seeds | mean ± std over seeds | IQM [95 % interval] | goal | seeds that reach it | steps | CPU seconds, median | RL Zoo, one run | CleanRL, three seeds |\n";
    page += "|---|---|---|---|---|---|---|---|---|---|\n";
    for outcome in outcomes.iter().filter(|outcome| outcome.row.algo == algo) {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}", outcome.line());
    }
    page += "\nThe interval is the 95 % percentile bootstrap of the interquartile mean (Agarwal et al. 2021).\n";
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckpointCosts, GreedyReturn};

    fn summary(mean: f64) -> Summary {
        Summary {
            solved: false,
            solved_at: None,
            greedy_return: Some(GreedyReturn { mean, std: 0.0, episodes: 100, success_rate: None }),
            steps: 1000,
            updates: 10,
            episodes: 5,
            wall_s: 2.0,
            cpu_s: 1.5,
            run: "runs/a".into(),
            seed: 1,
            interrupted: false,
            checkpoints: CheckpointCosts::default(),
        }
    }

    #[test]
    fn a_page_has_what_was_run_and_names_what_was_not() {
        let row =
            |algo, env: &str| Row { algo, env: env.into(), goal: Some(475.0), zoo: Some("500".into()), cleanrl: None };
        let run =
            Results { row: row(Algo::Dqn, "CartPole-v1"), summaries: [500.0, 480.0, 400.0].map(summary).to_vec() };
        let not_run = Results { row: row(Algo::Dqn, "Acrobot-v1"), summaries: Vec::new() };
        let other = Results { row: row(Algo::Ppo, "Pendulum-v1"), summaries: Vec::new() };
        assert_eq!(run.reached(), Some(2));
        let page = page(Algo::Dqn, &[run, not_run, other], "cartwheel reproduce zoo");
        assert!(page.contains("| CartPole-v1 | 3 | 460.0 ± 43.2 | 460.0 ["), "{page}");
        assert!(page.contains("| 475 | 2 of 3 | 1000 | 1.5 | 500 | – |"), "{page}");
        assert!(page.contains("| Acrobot-v1 | not run |") && !page.contains("Pendulum"), "{page}");
    }
}
