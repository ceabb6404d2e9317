//! Curves as CSV, for a spreadsheet, pandas or R.

use std::io::{self, Write};

use crate::model::Run;

/// Writes the points of some metrics of some runs, a row each: the raw ones, of a very long run as many as are kept.
pub(crate) fn write<'a>(
    to: &mut impl Write,
    runs: impl Iterator<Item = &'a Run>,
    metrics: &[String],
) -> io::Result<()> {
    writeln!(to, "run,metric,step,episodes,wall_s,value")?;
    for run in runs {
        let curves = metrics.iter().filter_map(|metric| Some((metric, run.metrics.get(metric)?)));
        for (metric, series) in curves {
            let of = format!("{},{}", cell(&run.name), cell(metric));
            for point in series.points() {
                writeln!(to, "{of},{},{},{},{}", point.step, point.episodes, point.wall_s, point.value)?;
            }
        }
    }
    Ok(())
}

/// A name as RFC 4180 wants it: in quotes where something in it would else end it.
fn cell(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Series;

    #[test]
    fn each_point_is_a_row() {
        let mut run = Run::new("runs/a, \"b\"".into());
        run.metrics.insert("train/loss".to_owned(), Series::of([0.5, 0.25].into_iter()));
        run.metrics.insert("time/fps".to_owned(), Series::of([1.0].into_iter()));
        let mut table = Vec::new();
        write(&mut table, [&run].into_iter(), &["train/loss".to_owned(), "none".to_owned()]).unwrap();
        let rows = [
            "run,metric,step,episodes,wall_s,value",
            "\"a, \"\"b\"\"\",train/loss,0,0,0,0.5",
            "\"a, \"\"b\"\"\",train/loss,1,1,1,0.25\n",
        ];
        assert_eq!(String::from_utf8(table).unwrap(), rows.join("\n"));
    }
}
