//! Recommenders: `fit recommender`, `predict --user`.

use std::fs;

use serde_json::Value;

use crate::support::Folder;

const RATINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ratings/ratings.csv");

/// `cartwheel fit recommender` on ratings whose structure is known.
fn fit(rest: &str) -> String {
    format!("fit recommender --data {RATINGS} {rest}")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} in {value}"))
}

#[test]
fn tastes_are_found_and_popularity_is_beaten() {
    let folder = Folder::new();
    let report = |name: &str, rest: &str| {
        let output = folder.ok(&fit(&format!("--set fit.threads=1 --name {name} --json {rest}")));
        (json(&output.stdout)["report"].clone(), output.stderr)
    };
    let losses =
        ["bpr", "bce", "softmax"].map(|loss| (loss, format!("--set recommender.loss={loss} --batch-size 128")));
    let tower = "--set recommender.architecture=two_tower --set recommender.loss=in_batch --batch-size 256".to_owned();
    for (name, rest) in losses.into_iter().chain([("tower", tower)]) {
        let (report, stderr) = report(name, &rest);
        for kind in ["sampled", "full"] {
            for metric in ["hr@10", "ndcg@10"] {
                let of = |who: &str| number(&report, &format!("/{kind}/{who}/{metric}"));
                let (model, popularity) = (of("model"), of("popularity"));
                assert!(model > 1.5 * popularity && model < 1.0, "{name} {kind} {metric}: {model} {popularity}");
            }
        }
        assert!(number(&report, "/sampled/model/hr@10") > 0.7, "{name}: {report}");
        assert_eq!((&report["kind"], &report["part"]), (&"recommendation".into(), &"test".into()));
        assert!(stderr.contains("400 users, 240 items") && stderr.contains("val hr@10"), "{stderr}");
    }
    let run = folder.run("bpr");
    for file in ["learning_curve.svg", "hr_at_10_curve.svg", "catalogue.bin"] {
        assert!(run.file(file).is_file(), "{file}");
    }
    let rows = run.rows();
    let last = rows.iter().rev().find(|row| row["metrics"].get("val/loss").is_some()).unwrap();
    assert!(number(last, "/metrics/val~1ndcg@10") > 0.3, "{last}");
    assert!(rows.iter().all(|row| row["metrics"].get("train/hr@10").is_none()), "training ranks nothing");

    let (report, _) = report(
        "stars",
        "--set recommender.loss=mse --set recommender.embedding_dim=8 --set fit.monitor=val_loss --set fit.optimizer=adamw --set fit.weight_decay=0.5 --set fit.learning_rate=0.01 --batch-size 128",
    );
    assert!(number(&report, "/rmse") < 0.92 * number(&report, "/mean_rmse"), "{report}");
}

#[test]
fn users_are_recommended_what_they_have_not_seen() {
    let folder = Folder::new();
    folder.ok(&fit("--epochs 3 --name small"));
    let ratings = fs::read_to_string(RATINGS).unwrap();
    let seen: Vec<&str> = ratings
        .lines()
        .filter_map(|line| line.strip_prefix("17,"))
        .map(|rest| rest.split(',').next().unwrap())
        .collect();
    let answer = json(&folder.ok("predict runs/small --user 17 --user 3 --top 300 --json").stdout);
    let top = answer["predictions"][0]["top"].as_array().unwrap();
    assert_eq!(top.len(), 240 - seen.len());
    assert!(top.iter().all(|one| !seen.contains(&one["item"].as_str().unwrap())));
    assert!(top.windows(2).all(|pair| pair[0]["score"].as_f64() >= pair[1]["score"].as_f64()));
    assert_eq!(answer["predictions"][1]["user"], "3");
    let text = folder.ok("predict runs/small --user 17").stdout;
    assert_eq!(text.lines().count(), 12, "{text}");
    let cost = folder.ok("model summary runs/small --json").json;
    assert_eq!(cost["parameters"], (400 + 240) * 33, "{cost}");
    folder.refused("eval runs/small --data x.csv", 2, &["x.csv"]);
    folder.refused("predict runs/small --user 1700", 2, &["no user \"1700\"", "nearest", "400 users"]);
    folder.refused("predict runs/small x.png", 2, &["is a recommender", "--user"]);
    folder.refused("predict runs/small/checkpoints/best.safetensors --user 1", 2, &["the run's folder"]);
    folder.refused("predict runs/none --user 1", 2, &["runs/none"]);
}

/// On the ratings that it was fitted to a model comes to what its report says; on others, to what their users chose last.
#[test]
fn a_model_is_judged_on_other_ratings() {
    let folder = Folder::new();
    let fitted = json(&folder.ok(&fit("--epochs 3 --name small --json")).stdout);
    let judged = |file: &str| folder.ok(&format!("eval runs/small --data {file} --json")).json["report"].clone();
    let same = judged(RATINGS);
    for key in ["sampled", "full", "loss", "users", "interactions"] {
        assert_eq!(same[key], fitted["report"][key], "{key}");
    }
    // What the model would recommend first, chosen at last, and what it has learnt from, which is nothing to ask about.
    let first = |user: &str| {
        let answer = folder.ok(&format!("predict runs/small --user {user} --top 1 --json")).json;
        answer["predictions"][0]["top"][0]["item"].as_str().unwrap().to_owned()
    };
    let learnt = fs::read_to_string(RATINGS).unwrap();
    let learnt =
        learnt.lines().find_map(|line| line.strip_prefix("17,")).unwrap().split(',').next().unwrap().to_owned();
    let rows = format!("17,{},5,1\n17,{learnt},5,2\n3,{},5,3\nnobody,1,5,4\n3,nothing,5,5\n", first("17"), first("3"));
    folder.write("later.csv", &format!("userId,movieId,rating,timestamp\n{rows}"));
    let later = judged("later.csv");
    assert_eq!((&later["users"], &later["unknown"], &later["part"]), (&2.into(), &2.into(), &"later.csv".into()));
    assert_eq!(number(&later, "/full/model/hr@10"), 1.0, "{later}");
    let text = folder.ok("eval runs/small --data later.csv").stdout;
    assert!(text.contains("2 rows of users or items that the model does not know"), "{text}");
    folder.write("old.csv", &format!("userId,movieId,rating,timestamp\n17,{learnt},5,2\n"));
    folder.refused("eval runs/small --data old.csv", 2, &["old.csv has nothing that is new"]);
}

/// A table of the same ratings, as pandas wrote it, gives the same run.
#[test]
fn parquet_is_as_csv() {
    let folder = Folder::new();
    let weights = [("csv", RATINGS.to_owned()), ("table", RATINGS.replace("ratings.csv", "ratings.parquet"))].map(
        |(name, file)| {
            folder.ok(&format!("fit recommender --data {file} --epochs 1 --name {name}"));
            folder.run(name).bytes("checkpoints/best.safetensors")
        },
    );
    assert!(weights[0] == weights[1]);
}

#[test]
fn an_interrupted_run_goes_on_bit_for_bit() {
    let folder = Folder::new();
    let settings = fit("--epochs 40 --batch-size 64 --set fit.log_interval=7");
    let (whole, run) = folder.whole_and_resumed(&format!("{settings} --set fit.threads=1"), &settings);
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
}

#[test]
fn ratings_that_changed_are_not_gone_on_with() {
    let folder = Folder::new();
    folder.write("a.csv", "user,item,rating\na,1,5\na,2,4\nb,1,1\na,3,2\n");
    folder.stopped("fit recommender --data a.csv");
    // Other users, and the same with another rating.
    for changed in ["a,1,5\na,2,4\nc,1,1\na,3,2\n", "a,1,5\na,2,4\nb,1,3\na,3,2\n"] {
        folder.write("a.csv", &format!("user,item,rating\n{changed}"));
        folder.refused("fit --resume runs/stopped", 2, &["a.csv", "is not what it was", "runs/stopped"]);
    }
}

#[test]
fn ratings_that_cannot_be_are_refused() {
    let folder = Folder::new();
    let refused = |bytes: &[u8], rest: &str, code: i32, words: &[&str]| {
        fs::write(folder.path("a.csv"), bytes).unwrap();
        folder.refused(&format!("fit recommender --data a.csv {rest}"), code, words);
    };
    refused(b"userId,movieId,rating\n1,2,3\n1,3,NaN\n", "", 1, &["a.csv", "line 3", "NaN"]);
    refused(b"userId,movieId,rating\n1,2,inf\n", "", 1, &["line 2", "inf"]);
    refused(b"userId,movieId,rating\n1,2,3\n\n1,3,\n", "", 1, &["line 4", "the rating is empty"]);
    refused(
        b"usr,movieId\n1,2\n",
        "",
        2,
        &["no column for users, such as \"user_id\"", "nearest: \"usr\"", "ratings.user_column"],
    );
    refused(b"who,movieId\n1,2\n", "--set ratings.user_column=whom", 2, &["\"whom\"", "nearest: \"who\""]);
    refused(b"userId,movieId\n1,2\n2,2\n3,1\n", "", 2, &["no user with two items"]);
    refused(b"userId,movieId\n1,2\n1,3\n", "--set recommender.loss=mse", 2, &["no column of ratings"]);
    refused(b"userId,movieId\n1,\xe9\n", "", 1, &["line 2", "UTF-8"]);
    std::fs::create_dir_all(folder.path("spark/ratings.parquet")).unwrap();
    for data in ["spark", "spark/ratings.parquet"] {
        folder.refused(&format!("fit recommender --data {data}"), 1, &["ratings.parquet", "holds no part files"]);
    }
    let parquet = |name: &str, code: i32, words: &[&str]| {
        folder.refused(&format!("fit recommender --data {}", RATINGS.replace("ratings.csv", name)), code, words);
    };
    parquet("nested.parquet", 2, &["nested.parquet has \"user\" for users as a list or a structure"]);
    parquet("no_user.parquet", 1, &["no_user.parquet, row 3", "the user is empty"]);
    parquet("no_rating.parquet", 1, &["no_rating.parquet, row 2", "the rating is"]);
    folder.refused(
        &format!("fit recommender --data {} --set ratings.rating_column=stars", RATINGS.replace("csv", "parquet")),
        2,
        &["ratings.parquet has no column \"stars\"", "it has \"userId\", \"movieId\", \"rating\", \"timestamp\""],
    );
    let whole = fs::read(RATINGS.replace("csv", "parquet")).unwrap();
    fs::write(folder.path("cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    folder.refused("fit recommender --data cut.parquet", 1, &["cut.parquet", "cut off"]);
    folder.write("text.parquet", "user,item\n1,2\n");
    folder.refused("fit recommender --data text.parquet", 1, &["text.parquet", "does not begin as"]);
    folder.refused("fit recommender --data nowhere", 2, &["nowhere"]);
    folder.refused("fit recommender --data .", 2, &["ratings.csv, ratings.dat, u.data and ratings.parquet"]);
    folder.refused("fit recommender --data a.csv --set recommender.los=x", 2, &["recommender.loss"]);
    assert!(!folder.path("runs").exists(), "nothing was written");
}

#[test]
fn a_model_is_summed_up_without_files() {
    let value = json(&Folder::new().ok("model summary recommender --json").stdout);
    assert_eq!(value["parameters"], (6040 + 3706) * 33);
}
