//! Files of ratings.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::super::idx::GZIP;
use super::columns::Places;
use super::{Columns, Interaction, Ratings, RatingsError, parquet_file, part_files, titles};
use crate::memory::{in_mib, memory_bytes};

/// The files of MovieLens' data sets, as they are looked for in a folder.
const FILES: [&str; 4] = ["ratings.csv", "ratings.dat", "u.data", "ratings.parquet"];

impl Ratings {
    /// Reads the file `path`, the ratings in the folder of a MovieLens data set, or a folder of part files as one table.
    ///
    /// | it begins with | read as |
    /// |---|---|
    /// | `PAR1` | Parquet, uncompressed or by snappy, gzip, zstd, Brotli or LZ4 |
    /// | a line that has `::` | MovieLens' `ratings.dat`: user, item, rating, timestamp, no header |
    /// | a number and a tab | MovieLens' `u.data`: the same |
    /// | anything else | CSV with a header, plain or packed by gzip, by commas, or by semicolons or tabs if the header has no comma |
    ///
    /// # Errors
    /// If there is no such file, it lacks a column, or a row has no user, no item, or a rating or a time that is no number.
    pub fn read(path: &Path, columns: &Columns) -> Result<Self, RatingsError> {
        let file = if path.is_dir() {
            let found = FILES.iter().map(|name| path.join(name)).find(|file| file.is_file());
            match (found, part_files::folder(path)) {
                (Some(file), _) => file,
                (None, Some(folder)) => return Self::read_parts(&folder, columns),
                (None, None) => return Err(RatingsError::NoFile { folder: path.into() }),
            }
        } else if path.exists() {
            path.to_owned()
        } else {
            return Err(RatingsError::Nothing { path: path.into() });
        };
        let mut reader = Reader::new(file.clone());
        let unread = |source| RatingsError::Read { file: file.clone(), source };
        if begins_with(&file, parquet_file::MAGIC).map_err(unread)? {
            reader.unit = "row";
            parquet_file::read(&file, &mut reader, columns)?;
            return reader.finish(&file);
        }
        if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) {
            let problem = "it does not begin as a file of Parquet does: write it anew, or name it as what it is".into();
            return Err(RatingsError::Parquet { file, problem });
        }
        let mut bytes = std::fs::read(&file).map_err(unread)?;
        if bytes.starts_with(&GZIP) {
            let broken = |error| reader.wrong(1, format!("what gzip packed does not unpack: {error}"));
            bytes = unpacked(&bytes, memory_bytes() / 2).map_err(broken)?;
        }
        if bytes.get(257..262) == Some(b"ustar") {
            return Err(reader.wrong(1, "this is an archive of files: unpack it first, as with `tar xf`"));
        }
        // Excel begins its CSV with this mark.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let has = |part: &[u8]| first.windows(part.len()).any(|window| window == part);
        if has(b"::") {
            reader.separated(bytes, "::")?;
        } else if has(b"\t") && first[0].is_ascii_digit() {
            reader.separated(bytes, "\t")?;
        } else {
            let delimiter = if has(b",") {
                b','
            } else if has(b";") {
                b';'
            } else {
                b'\t'
            };
            reader.csv(bytes, delimiter, columns)?;
        }
        reader.finish(&file)
    }

    /// Reads the files of a folder one after the other.
    fn read_parts(folder: &Path, columns: &Columns) -> Result<Self, RatingsError> {
        let mut reader = Reader::new(folder.to_owned());
        reader.unit = "row";
        for (number, part) in part_files::list(folder)?.into_iter().enumerate() {
            let rated = reader.ratings.rated;
            reader.file.clone_from(&part);
            parquet_file::read(&part, &mut reader, columns)?;
            if number > 0 && reader.ratings.rated != rated {
                let problem = "has a column of ratings where the part before has none, or the other way round: write all parts anew";
                return Err(RatingsError::Parquet { file: part, problem: problem.into() });
            }
        }
        reader.finish(folder)
    }
}

/// What gzip packed, unless that is more than `most` bytes: it may be anything.
fn unpacked(packed: &[u8], most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed).take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let more = || std::io::Error::other(format!("it has more than {}, half of this machine's memory", in_mib(most)));
    if bytes.len() as u64 <= most { Ok(bytes) } else { Err(more()) }
}

/// Whether the file does.
fn begins_with(file: &Path, magic: &[u8]) -> std::io::Result<bool> {
    let mut first = Vec::new();
    std::fs::File::open(file)?.take(magic.len() as u64).read_to_end(&mut first)?;
    Ok(first == magic)
}

/// What was read so far.
pub(super) struct Reader {
    /// Of which the rows are read.
    file: PathBuf,
    /// What is counted: lines or rows.
    unit: &'static str,
    ratings: Ratings,
    users: HashMap<String, u32>,
    items: HashMap<String, u32>,
}

impl Reader {
    fn new(file: PathBuf) -> Self {
        Self { file, unit: "line", ratings: Ratings::default(), users: HashMap::new(), items: HashMap::new() }
    }

    /// What was read of `all`, a file or a folder of part files.
    fn finish(self, all: &Path) -> Result<Ratings, RatingsError> {
        let Self { mut ratings, items, .. } = self;
        if ratings.rows.is_empty() {
            return Err(RatingsError::Empty { file: all.into() });
        }
        ratings.titles = titles::beside(all, &items);
        Ok(ratings)
    }

    /// Says whether the file has ratings.
    pub(super) fn rated(&mut self, rated: bool) {
        self.ratings.rated = rated;
    }

    pub(super) fn wrong(&self, number: u64, problem: impl Into<String>) -> RatingsError {
        RatingsError::Row { file: self.file.clone(), unit: self.unit, number, problem: problem.into() }
    }

    fn text<'a>(&self, line: u64, bytes: &'a [u8]) -> Result<&'a str, RatingsError> {
        std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to() + 1;
            self.wrong(line, format!("byte {at} of {} is no UTF-8: save the file as UTF-8", bytes.len()))
        })
    }

    /// Lines of MovieLens' four fields.
    fn separated(&mut self, bytes: &[u8], separator: &str) -> Result<(), RatingsError> {
        self.rated(true);
        for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let text = self.text(line, bytes)?.trim_end_matches('\r');
            if text.is_empty() {
                continue;
            }
            let fields: Vec<&str> = text.split(separator).collect();
            if fields.len() != 4 {
                let found = fields.len();
                let problem =
                    format!("{found} fields between {separator:?} where user, item, rating and timestamp should stand");
                return Err(self.wrong(line, problem));
            }
            self.row(line, &|place| fields.get(place).copied().unwrap_or_default(), Places::MOVIELENS)?;
        }
        Ok(())
    }

    fn csv(&mut self, bytes: &[u8], delimiter: u8, columns: &Columns) -> Result<(), RatingsError> {
        let mut table = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        let mut places = None;
        loop {
            let more = table.read_byte_record(&mut record).map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                let problem = match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("{len} fields where the header has {expected_len}")
                    }
                    _ => error.to_string(),
                };
                self.wrong(line, problem)
            })?;
            if !more {
                return Ok(());
            }
            let line = record.position().map_or(0, |at| at.line() + blank_lines(bytes, at.byte()));
            let Some(places) = places else {
                let mut header = Vec::with_capacity(record.len());
                for field in &record {
                    header.push(self.text(line, field)?.trim().to_owned());
                }
                let found = Places::find(columns, &header, &[], &self.file)?;
                self.rated(found.rating.is_some());
                places = Some(found);
                continue;
            };
            let mut fields = [""; 4];
            let wanted = [Some(places.user), Some(places.item), places.rating, places.timestamp];
            for (field, place) in fields.iter_mut().zip(wanted) {
                *field = self.text(line, place.and_then(|place| record.get(place)).unwrap_or_default())?;
            }
            let known = Places {
                rating: places.rating.map(|_| 2),
                timestamp: places.timestamp.map(|_| 3),
                ..Places::MOVIELENS
            };
            self.row(line, &|place| fields[place], known)?;
        }
    }

    fn row<'a>(&mut self, line: u64, field: &dyn Fn(usize) -> &'a str, places: Places) -> Result<(), RatingsError> {
        let number = |place: Option<usize>, what: &str, none: f64| -> Result<f64, RatingsError> {
            let Some(place) = place else { return Ok(none) };
            match field(place).trim() {
                "" => Err(self.wrong(line, format!("the {what} is empty: a number should stand there"))),
                text => text.parse().map_err(|_| self.wrong(line, format!("the {what} {text:?} is no number"))),
            }
        };
        let rating = number(places.rating, "rating", 1.0)?;
        let time = number(places.timestamp, "timestamp", 0.0)?;
        let name = |place: usize, what: &str| match field(place).trim() {
            "" => Err(self.wrong(line, format!("the {what} is empty"))),
            name => Ok(name),
        };
        let names = [name(places.user, "user")?, name(places.item, "item")?];
        self.add(line, names, rating, time)
    }

    /// Adds the row `at`.
    pub(super) fn add(&mut self, at: u64, [user, item]: [&str; 2], rating: f64, time: f64) -> Result<(), RatingsError> {
        for (what, number) in [("rating", rating), ("timestamp", time)] {
            if !(number as f32).is_finite() {
                return Err(self.wrong(at, format!("the {what} is {number}, which is not finite")));
            }
        }
        let rating = rating as f32;
        let user = number_of(user, &mut self.users, &mut self.ratings.users);
        let item = number_of(item, &mut self.items, &mut self.ratings.items);
        let Some((user, item)) = user.zip(item) else {
            return Err(self.wrong(at, "there are more users or items than 4 billion"));
        };
        self.ratings.rows.push(Interaction { user, item, rating, time });
        Ok(())
    }
}

/// Ends of lines that the reader passes over before a row that it says begins at `from`.
fn blank_lines(bytes: &[u8], from: u64) -> u64 {
    let rest = bytes.get(from as usize..).unwrap_or_default().iter();
    rest.take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n').count() as u64
}

/// The number of `name`, which may be a new one.
fn number_of(name: &str, numbers: &mut HashMap<String, u32>, names: &mut Vec<String>) -> Option<u32> {
    if let Some(number) = numbers.get(name) {
        return Some(*number);
    }
    let number = u32::try_from(names.len()).ok()?;
    numbers.insert(name.to_owned(), number);
    names.push(name.to_owned());
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Result<Ratings, RatingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        Ratings::read(&file, &Columns::default())
    }

    #[test]
    fn movielens_formats_hold_the_same() {
        let csv = read(
            "ratings.csv",
            b"userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n7,10,4,851868750\n1,10,3.0,9\n",
        );
        let csv = csv.expect("it is sound");
        let dat = read("ratings.dat", b"1::31::2.5::1260759144\n7::10::4::851868750\r\n1::10::3::9");
        let data = read("u.data", b"1\t31\t2.5\t1260759144\n7\t10\t4\t851868750\n1\t10\t3\t9\n");
        assert_eq!((&dat.expect("it is sound"), &data.expect("it is sound")), (&csv, &csv));
        assert_eq!(
            (csv.users.as_slice(), csv.items.as_slice()),
            (&["1".into(), "7".into()][..], &["31".into(), "10".into()][..])
        );
        assert_eq!(csv.rows[2], Interaction { user: 0, item: 1, rating: 3.0, time: 9.0 });
        assert!(csv.rated);
    }

    #[test]
    fn tables_of_other_columns_and_separators_are_read() {
        let table = read("a.csv", b"\xef\xbb\xbfitem;\"user\";note\n\"a; b\";ann;x\nc;ann;\n").expect("it is sound");
        assert_eq!(table.items, ["a; b", "c"]);
        assert_eq!((table.rows[0].rating, table.rows[0].time, table.rated), (1.0, 0.0, false));
        let table = read("a.tsv", b"user\titem\nann\tb\n").expect("it is sound");
        assert_eq!(table.users, ["ann"]);
    }

    #[test]
    fn a_folder_is_looked_through_and_titles_are_found_beside() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = Ratings::read(folder.path(), &Columns::default()).expect_err("nothing is there");
        assert!(none.to_string().contains("ratings.csv, ratings.dat, u.data and ratings.parquet"), "{none}");
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("written");
        write("u.data", b"1\t31\t2.5\t1\n1\t4\t1\t2\n");
        // MovieLens 100K's titles are Latin-1.
        write("u.item", b"31|Mis\xe9rables, Les (1995)|x\n5|Other|y\n");
        let ratings = Ratings::read(folder.path(), &Columns::default()).expect("it is sound");
        assert_eq!(ratings.titles, ["Misérables, Les (1995)", ""]);
        write("ratings.csv", b"userId,movieId,rating,timestamp\n1,9,5,1\n");
        write("movies.csv", b"movieId,title,genres\n9,\"American President, The (1995)\",Comedy\n");
        let ratings = Ratings::read(folder.path(), &Columns::default()).expect("it is sound");
        assert_eq!(ratings.titles, ["American President, The (1995)"]);
    }

    /// Files that pandas wrote: tests/data/ratings/parquet.py.
    fn parquet(name: &str) -> Result<Ratings, RatingsError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ratings");
        Ratings::read(&folder.join(name), &Columns::default())
    }

    #[test]
    fn parquet_holds_what_csv_does() {
        let [csv, table] = ["ratings.csv", "ratings.parquet"].map(|name| parquet(name).expect("it is sound"));
        assert_eq!(table, csv);
    }

    #[test]
    fn compressions_do_not_matter() {
        let kinds = parquet("kinds.parquet").expect("it is sound");
        for name in ["zstd.parquet", "zstd_pages_2.parquet", "brotli.parquet", "lz4.parquet"] {
            assert_eq!(parquet(name).expect("it is sound"), kinds, "{name}");
        }
    }

    #[test]
    fn columns_of_parquet_are_of_many_types() {
        let table = parquet("kinds.parquet").expect("it is sound");
        assert_eq!(table.users, ["ann", "bob", "Zoë"]);
        assert_eq!(table.items, ["7", "8", "9223372036854775808"]);
        let rows: Vec<_> = table.rows.iter().map(|row| (row.user, row.item, row.rating)).collect();
        assert_eq!(rows, [(0, 0, 4.5), (1, 1, 3.0), (0, 2, 1.0), (2, 0, 2.5)]);
        let times: Vec<f64> = table.rows.iter().map(|row| row.time).collect();
        assert!(times[1] < times[2] && times[2] < times[0] && times[0] < times[3], "{times:?}");
    }

    /// The part files of a folder, each with the rows of a file that pandas wrote.
    fn parts(files: &[(&str, &str)]) -> Result<Ratings, RatingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = folder.path().join("ratings.parquet");
        std::fs::create_dir(&parts).expect("made");
        for (name, of) in files {
            let of = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ratings").join(of);
            std::fs::copy(of, parts.join(name)).expect("copied");
        }
        // Spark's marks, which are no parts.
        std::fs::write(parts.join("_SUCCESS"), "").expect("written");
        std::fs::write(parts.join(".part-00000.snappy.parquet.crc"), "crc").expect("written");
        let read = |path: &Path| Ratings::read(path, &Columns::default());
        let (itself, around) = (read(&parts), read(folder.path()));
        assert_eq!(itself.as_ref().ok(), around.as_ref().ok());
        itself
    }

    #[test]
    fn part_files_are_one_table() {
        let [first, second] = ["kinds.parquet", "ratings.parquet"].map(|name| parquet(name).expect("it is sound"));
        let both =
            parts(&[("part-00001.snappy.parquet", "ratings.parquet"), ("part-00000.gz.parquet", "kinds.parquet")]);
        let both = both.expect("they are sound");
        let count = first.rows.len();
        assert_eq!(both.rows[..count], first.rows);
        assert_eq!(both.rows.len(), count + second.rows.len());
        let named = |of: &Ratings, row: &Interaction| (of.users[row.user as usize].clone(), row.rating, row.time);
        for (row, alone) in both.rows[count..].iter().zip(&second.rows) {
            assert_eq!(named(&both, row), named(&second, alone));
        }
        // Dask's names: by number, and not as letters are.
        let dasks = parts(&[("part.10.parquet", "ratings.parquet"), ("part.2.parquet", "kinds.parquet")]);
        assert_eq!(dasks.expect("they are sound").rows[..count], first.rows);
        let told = |files: &[(&str, &str)]| parts(files).expect_err("refused").to_string();
        let text = told(&[("part-0.parquet", "kinds.parquet"), ("part-1.parquet", "no_user.parquet")]);
        assert!(text.contains("part-1.parquet, row 3: the user is empty"), "{text}");
        let text = told(&[]);
        assert!(text.contains("ratings.parquet") && text.contains("no part files"), "{text}");
    }

    #[test]
    fn folders_for_values_of_a_column_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = folder.path().join("a.parquet");
        std::fs::create_dir_all(parts.join("year=2020")).expect("made");
        let text = Ratings::read(&parts, &Columns::default()).expect_err("refused").to_string();
        assert!(text.contains("year=2020") && text.contains("partitionBy"), "{text}");
    }

    #[test]
    fn what_is_wrong_with_parquet_is_told() {
        let told = |result: Result<Ratings, RatingsError>| result.expect_err("refused").to_string();
        // Brotli's number among the compressions, before that of four values, as LZO's.
        let mut lzo = include_bytes!("../../../../tests/data/ratings/brotli.parquet").to_vec();
        for at in 0..lzo.len() - 4 {
            if lzo[at..at + 4] == [0x15, 8, 0x16, 8] {
                lzo[at + 1] = 6;
            }
        }
        let text = told(read("a.parquet", &lzo));
        assert!(text.contains("a.parquet") && text.contains("LZO") && text.contains("snappy"), "{text}");
        let text = told(parquet("nested.parquet"));
        assert!(text.contains("has \"user\" for users as a list or a structure"), "{text}");
        // pandas writes what is missing as null, and its column as floats.
        let text = told(parquet("no_user.parquet"));
        assert!(text.contains("no_user.parquet, row 3: the user is empty"), "{text}");
        let text = told(parquet("no_rating.parquet"));
        assert!(text.contains("no_rating.parquet, row 2: the rating is"), "{text}");
        let text = told(read("a.parquet", b"user,item\n1,2\n"));
        assert!(text.contains("a.parquet") && text.contains("does not begin as"), "{text}");
    }

    /// Whatever a disk or a download made of a file: an error, or other rows, but no panic.
    #[test]
    fn damaged_parquet_is_told() {
        let files = [
            include_bytes!("../../../../tests/data/ratings/kinds.parquet").as_slice(),
            include_bytes!("../../../../tests/data/ratings/zstd.parquet"),
            include_bytes!("../../../../tests/data/ratings/lz4.parquet"),
        ];
        for whole in files {
            for length in (4..whole.len()).step_by(61) {
                let text = read("a.parquet", &whole[..length]).expect_err("refused").to_string();
                assert!(text.contains("a.parquet") && text.contains("write it anew"), "{length}: {text}");
            }
            for at in 4..whole.len() {
                let mut bytes = whole.to_vec();
                bytes[at] ^= 0xff;
                if let Err(error) = read("a.parquet", &bytes) {
                    assert!(error.to_string().contains("a.parquet"), "{at}: {error}");
                }
            }
        }
    }

    #[test]
    fn what_gzip_packed_is_as_it_was() {
        let text = b"user,item,rating\n1,2,3\n4,5,1\n";
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packer, text).expect("memory");
        let packed = packer.finish().expect("memory");
        assert_eq!(read("a.csv.gz", &packed).expect("it is sound"), read("a.csv", text).expect("it is sound"));
        assert_eq!(unpacked(&packed, text.len() as u64).expect("it is sound"), text);
        let told = unpacked(&packed, text.len() as u64 - 1).expect_err("it has more").to_string();
        assert!(told.contains("half of this machine's memory"), "{told}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |bytes: &[u8]| read("a.csv", bytes).expect_err("refused").to_string();
        let head = "user,item,rating,timestamp\n1,2,3,4\n";
        for (row, words) in [
            ("1,2,NaN,4", "the rating is NaN, which is not finite"),
            ("1,2,inf,4", "the rating is inf"),
            ("1,2,1e39,4", "not finite"),
            ("1,2,,4", "the rating is empty"),
            ("1,2,good,4", "\"good\" is no number"),
            ("1,2,3,yesterday", "the timestamp \"yesterday\""),
            (",2,3,4", "the user is empty"),
            ("1, ,3,4", "the item is empty"),
            ("1,2,3", "3 fields where the header has 4"),
        ] {
            let text = told(format!("{head}{row}\n").as_bytes());
            assert!(text.contains("a.csv, line 3: ") && text.contains(words), "{row}: {text}");
        }
        let text = told(b"user,item,rating\r\n1,2,3\r\n\r\n1,2,x\r\n");
        assert!(text.contains("a.csv, line 4: "), "{text}");
        let text = told(&[head.as_bytes(), b"1,\xff,3,4\n"].concat());
        assert!(text.contains("line 3") && text.contains("no UTF-8"), "{text}");
        let text = told(b"1::2::3::4\n1::2::3\n");
        assert!(text.contains("line 2: 3 fields"), "{text}");
        let text = told(b"1::2::3::4\n1::2::\xe9::4\n");
        assert!(text.contains("line 2: byte 7"), "{text}");
        let text = told(b"\x1f\x8b\x08\x00packed");
        assert!(text.contains("a.csv") && text.contains("does not unpack"), "{text}");
        let text = told(&[&[b'a'; 257][..], b"ustar\x0000", &[0; 300]].concat());
        assert!(text.contains("a.csv") && text.contains("tar xf"), "{text}");
        assert!(told(b"user,item\n").contains("holds no ratings"));
        assert!(told(b"").contains("holds no ratings"));
    }
}
