//! What a fit came to, for people.

use crate::trainer::supervised::{
    ClassificationReport, FitSummary, Ranking, RankingReport, RecommendationReport, Report, TranslationReport,
};

use super::output::{counted, table};
use super::train::{called, quoted};

/// Classes of a confusion matrix that a terminal has room for.
const SHOWN_CLASSES: usize = 20;

/// Skipped files that are named; `--json` names all.
const SHOWN_FILES: usize = 5;

/// The summary, and what to do next.
pub(super) fn describe(summary: &FitSummary) -> String {
    let run = quoted(&summary.run);
    let cartwheel = called();
    let mut text = format!(
        "{}: {}, {}, {:.1} s, {:.0} samples/s",
        summary.model,
        counted(summary.epochs, "epoch"),
        counted(summary.steps, "step"),
        summary.wall_s,
        summary.samples_per_s
    );
    if summary.processes > 1 {
        text += &format!(", {} processes", summary.processes);
    }
    let mut resume = format!("{cartwheel} fit --resume {run}");
    if summary.processes > 1 {
        resume += &format!(" --nproc {}", summary.processes);
    }
    if summary.stages > 1 {
        resume += &format!(" --pp {}", summary.stages);
    }
    let Some(report) = &summary.report else {
        return text + &format!("\nstopped\n\n  go on with it     {resume}");
    };
    let best = summary.best_epoch.unwrap_or(0);
    if summary.early_stopped {
        text += &format!("\nstopped early: validation was best in epoch {best}");
    }
    let ask = match report {
        Report::Classification(_) => format!("predict {run} IMAGE.png"),
        Report::Translation(_) => format!("translate {run} TEXT"),
        Report::Recommendation(_) => format!("predict {run} --user ID"),
    };
    let of_model = of(report, &format!(" (weights of epoch {best})"));
    text + "\n"
        + &of_model
        + &skipped(&summary.skipped)
        + &format!(
            "\n\n  ask it            {cartwheel} {ask}\n  its curves        {run}/learning_curve.svg, or tensorboard --logdir {run}\n  watch it          {cartwheel} watch {run}\n  train it further  {resume} --epochs {}",
            2 * summary.epochs
        )
}

/// A report on the model that `which` says.
pub(super) fn of(report: &Report, which: &str) -> String {
    match report {
        Report::Classification(report) => classification(report, which),
        Report::Translation(report) => translation(report, which),
        Report::Recommendation(report) => recommendation(report, which),
    }
}

/// Which files gave no image.
pub(super) fn skipped(files: &[String]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let count = if files.len() == 1 { "1 file was".into() } else { format!("{} files were", files.len()) };
    let named: String = files.iter().take(SHOWN_FILES).map(|file| format!("\n  {file}")).collect();
    let more = if files.len() > SHOWN_FILES { "\n  ... (--json names all)" } else { "" };
    format!("\n\n{count} skipped:{named}{more}")
}

fn classification(report: &ClassificationReport, which: &str) -> String {
    let top5 = report.top5_accuracy.map_or(String::new(), |top5| format!(", top-5 {:.2} %", 100.0 * top5));
    let mut text =
        format!("{}{which}: accuracy {:.2} %{top5}, loss {:.4}\n\n", report.part, 100.0 * report.accuracy, report.loss);
    let rows = report.classes.iter().map(|class| {
        let numbers = [class.precision, class.recall, class.f1].map(|number| format!("{number:.4}"));
        std::iter::once(class.label.clone()).chain(numbers).chain([class.support.to_string()]).collect()
    });
    text += &table(&["CLASS", "PRECISION", "RECALL", "F1", "SAMPLES"], rows);
    if report.confusion.len() <= SHOWN_CLASSES {
        let labels: Vec<&str> = report.classes.iter().map(|class| class.label.as_str()).collect();
        let head: Vec<&str> = std::iter::once("IS \\ TAKEN FOR").chain(labels.iter().copied()).collect();
        let rows =
            report.confusion.iter().zip(&labels).map(|(row, label)| {
                std::iter::once((*label).to_owned()).chain(row.iter().map(u64::to_string)).collect()
            });
        text += &format!("\n\n{}", table(&head, rows));
    }
    text
}

fn translation(report: &TranslationReport, which: &str) -> String {
    let mut text = format!(
        "{}{which}: exact match {:.2} %, BLEU {:.2}, chrF2 {:.2} of {} texts, loss {:.4}\n",
        report.part,
        100.0 * report.exact_match,
        report.bleu,
        report.chrf,
        report.texts,
        report.loss
    );
    for sample in &report.samples {
        let expected =
            if sample.translation == sample.reference { "" } else { &*format!(" (not {:?})", sample.reference) };
        text += &format!("\n  {:?} -> {:?}{expected}", sample.source, sample.translation);
    }
    text
}

fn recommendation(report: &RecommendationReport, which: &str) -> String {
    let mut text = format!(
        "{}{which}: the held-out items of {} users, {} items, {} learnt from, loss {:.4}",
        report.part, report.users, report.items, report.interactions, report.loss
    );
    if let (Some(rmse), Some(mean)) = (report.rmse, report.mean_rmse) {
        text += &format!("\nRMSE {rmse:.4}; of the mean rating {mean:.4}");
    }
    if report.unknown > 0 {
        text += &format!("\n{} rows of users or items that the model does not know are left out", report.unknown);
    }
    let four = |ranking: Ranking| [ranking.hit_rate, ranking.ndcg].map(|number| format!("{number:.4}"));
    let row = |who: &str, of: &dyn Fn(&RankingReport) -> Ranking| {
        let both = [&report.sampled, &report.full].map(|ranking| four(of(ranking)));
        std::iter::once(who.to_owned()).chain(both.into_iter().flatten()).collect()
    };
    let rows = [row("model", &|ranking| ranking.model), row("popularity", &|ranking| ranking.popularity)];
    let head = ["", "HR@10 OF 1 + 99", "NDCG@10 OF 1 + 99", "HR@10 OF ALL", "NDCG@10 OF ALL"];
    text + "\n\n" + &table(&head, rows.into_iter())
}
