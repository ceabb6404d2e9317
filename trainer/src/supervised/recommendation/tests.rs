use super::*;
use crate::supervised::config::ModelName;

const RATINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/ratings/ratings.csv");

fn task(assignments: &[&str]) -> RecommendationTask {
    let mut settings = FitSettings::of(ModelName::Recommender);
    settings.ratings.path = RATINGS.into();
    assignments.iter().for_each(|assignment| settings.set(assignment).expect("a setting"));
    RecommendationTask::new(&settings, Purpose::LEARNING).expect("the ratings are there")
}

/// Makes scores differ from those of a model that knows nothing.
fn shake(task: &mut RecommendationTask) {
    let mut rng = Generator::new(5);
    for parameter in task.parameters_mut().iter_mut() {
        parameter.values_mut().iter_mut().for_each(|value| *value = rng.uniform(-1.0, 1.0) as f32);
    }
}

/// Where the held-out item of a row stands among `others` in a list that is put in order.
fn plainly(score: &dyn Fn(u32) -> f64, row: &Interaction, others: impl Iterator<Item = u32>) -> (f64, f64) {
    let mut list: Vec<(f64, bool)> = others.map(|item| (score(item), false)).collect();
    list.push((score(row.item), true));
    list.sort_by(|a, b| b.0.total_cmp(&a.0));
    let place = list.iter().position(|(_, own)| *own).expect("it is there") + 1;
    if place <= 10 { (1.0, 1.0 / (place as f64 + 1.0).log2()) } else { (0.0, 0.0) }
}

#[test]
fn places_are_those_in_lists_that_are_put_in_order() {
    for architecture in ["recommender.architecture=mf", "recommender.architecture=two_tower"] {
        let mut task = task(&[architecture]);
        shake(&mut task);
        let Report::Recommendation(report) = task.report(Part::Test).expect("works") else { panic!("of another kind") };
        let (model, rows) = (&task.model, &task.split.test);
        let items: Vec<Vec<f32>> = (0..240).map(|item| model.item_vectors(&[item]).expect("works")).collect();
        let (mut full, mut sampled) = ([0.0; 2], [0.0; 2]);
        for row in rows {
            let user = model.user_vectors(&[row.user]).expect("works");
            let score = |item: u32| -> f64 {
                user.iter().zip(&items[item as usize]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let seen = task.split.seen.of(row.user);
            let (hit, gain) = plainly(&score, row, (0..240).filter(|item| !seen.contains(item)));
            full = [full[0] + hit, full[1] + gain];
            let mut rng = Generator::from_entropy(&[1, ASKED, Part::Test as u64, u64::from(row.user)]);
            let others = task.split.seen.sample(row.user, 99, &mut rng);
            assert!(others.len() == 99 && others.iter().all(|item| !seen.contains(item)));
            let (hit, gain) = plainly(&score, row, others.into_iter());
            sampled = [sampled[0] + hit, sampled[1] + gain];
        }
        let users = rows.len() as f64;
        for (got, plain) in [(report.full.model, full), (report.sampled.model, sampled)] {
            assert!((got.hit_rate - plain[0] / users).abs() < 1e-9, "{got:?} {plain:?}");
            assert!((got.ndcg - plain[1] / users).abs() < 1e-9, "{got:?} {plain:?}");
        }
        assert_eq!((report.users, report.items, report.part.as_str()), (400, 240, "test"));
        assert_eq!(report.rmse, None);
        // Validation is asked the same way, and what is known only later is no answer that is too late.
        let tally = task.evaluate(Part::Validation).expect("works");
        let Report::Recommendation(report) = task.report(Part::Validation).expect("works") else { panic!("another") };
        assert_eq!((tally.samples, tally.accuracy()), (400, report.sampled.model.hit_rate));
        assert_eq!(task.measure(1).expect("works"), [("val/ndcg@10", report.sampled.model.ndcg)]);
        assert!((tally.mean_loss() - report.loss).abs() < 1e-9);
    }
}

/// Where all scores are the same, ten of a hundred places are among the first.
#[test]
fn ties_count_in_validation_for_what_an_order_drawn_at_random_would_give() {
    let mut task = task(&[]);
    task.parameters_mut().iter_mut().for_each(|parameter| parameter.values_mut().fill(0.0));
    let tally = task.evaluate(Part::Validation).expect("works");
    assert!((tally.accuracy() - 0.1).abs() < 1e-9, "{tally:?}");
}

#[test]
fn popularity_is_counted_in_what_is_learnt_from() {
    let mut task = task(&[]);
    let Report::Recommendation(report) = task.report(Part::Test).expect("works") else { panic!("of another kind") };
    let (mut hits, rows) = (0.0, &task.split.test);
    let count = |item: u32| task.split.train.iter().filter(|row| row.item == item).count();
    let counts: Vec<usize> = (0..240).map(count).collect();
    for row in rows {
        let (seen, own) = (task.split.seen.of(row.user), counts[row.item as usize]);
        let others = || (0..240_u32).filter(|item| !seen.contains(item)).map(|item| counts[item as usize]);
        let (higher, same) = (others().filter(|x| *x > own).count(), others().filter(|x| *x == own).count());
        hits += (10.0 - higher as f64).clamp(0.0, (same + 1) as f64) / (same + 1) as f64;
    }
    assert!((report.full.popularity.hit_rate - hits / 400.0).abs() < 1e-9);
}

#[test]
fn ratings_have_a_root_mean_squared_error() {
    let mut task = task(&["recommender.loss=mse"]);
    let rows = task.split.train.len() as f64;
    let mean = task.split.train.iter().map(|row| f64::from(row.rating)).sum::<f64>() / rows;
    let off = task.split.test.iter().map(|row| (f64::from(row.rating) - mean).powi(2)).sum::<f64>() / 400.0;
    let Report::Recommendation(report) = task.report(Part::Test).expect("works") else { panic!("of another kind") };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
    // A model that knows nothing yet says the mean.
    assert!(near(report.mean_rmse.expect("rated"), off.sqrt()) && near(report.rmse.expect("rated"), off.sqrt()));
}

#[test]
fn what_is_held_against_a_choice_was_not_chosen() {
    let task = task(&["recommender.negatives=7"]);
    let (users, items, _) = task.batch(3, &[0, 100, 5000]);
    for (user, items) in users.iter().zip(items.chunks_exact(8)) {
        let own = task.split.learnt.of(*user);
        assert!(own.contains(&items[0]) && items[1..].iter().all(|item| !own.contains(item)));
    }
    assert_eq!(task.batch(3, &[5000]).1, items[16..], "by epoch and index alone");
    assert_ne!(task.batch(4, &[5000]).1, items[16..]);
}

#[test]
fn who_has_all_is_no_trouble() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "user,item\na,1\na,2\nb,1\na,3\n").expect("written");
    let mut settings = FitSettings::of(ModelName::Recommender);
    settings.ratings.path = file.display().to_string();
    let mut task = RecommendationTask::new(&settings, Purpose::LEARNING).expect("it is sound");
    assert!(task.notices()[1].contains("1 users have one item only"), "{:?}", task.notices());
    assert!(!task.notices().iter().any(|notice| notice.contains("nothing is held out")), "{:?}", task.notices());
    let mut gradients = Gradients::new(task.parameters());
    let tally = task.learn(0, &[vec![0, 1]], 2.0, &mut gradients).expect("works");
    assert!(tally.loss.is_finite());
    let tally = task.evaluate(Part::Test).expect("works");
    assert_eq!((tally.samples, tally.correct), (1, 1.0), "no other item is left");
    settings.recommender.loss = Loss::Mse;
    let told = RecommendationTask::new(&settings, Purpose::LEARNING).err().expect("refused").to_string();
    assert!(told.contains("ratings.rating_column"), "{told}");
    std::fs::write(&file, "user,item\na,1\na,2\nb,1\nb,2\n").expect("written");
    settings.recommender.loss = Loss::Bpr;
    let task = RecommendationTask::new(&settings, Purpose::LEARNING).expect("it is sound");
    assert!(task.notices()[1].contains("nothing is held out to validate"), "{:?}", task.notices());
    std::fs::write(&file, "user,item\na,1\nb,1\n").expect("written");
    let told = RecommendationTask::new(&settings, Purpose::LEARNING).err().expect("refused").to_string();
    assert!(told.contains("a.csv"), "{told}");
}

#[test]
fn a_model_without_room_is_told_before_it_is_made() {
    let mut settings = FitSettings::of(ModelName::Recommender);
    settings.ratings.path = RATINGS.into();
    settings.set("recommender.architecture=two_tower").expect("a setting");
    settings.recommender.layers = vec![16_384; 4000];
    let told = RecommendationTask::new(&settings, Purpose::LEARNING).err().expect("refused").to_string();
    assert!(told.contains("training recommender takes") && told.contains("too large"), "{told}");
}

/// Who is shown has chosen what is said, in that order, and the list is what all scores put in order begin with.
#[test]
fn users_are_shown_with_what_they_chose_and_what_they_are_told() {
    let mut task = task(&[]);
    shake(&mut task);
    let shown = task.show(Part::Validation).expect("works");
    assert_eq!(shown.len(), SHOWN);
    for (sample, answers) in &shown {
        let Given::User { name, history } = &sample.given else { panic!("a user") };
        let user = task.catalogue.user(name).expect("they are known");
        let row = task.split.validation.iter().find(|row| row.user == user).expect("they are validated");
        assert_eq!(sample.expected, task.catalogue.title(row.item));
        let own: Vec<String> =
            task.split.train.iter().filter(|row| row.user == user).map(|row| task.catalogue.title(row.item)).collect();
        assert_eq!(*history, own[own.len().saturating_sub(HISTORY)..]);
        let vector = task.model.user_vectors(&[user]).expect("works");
        let score = |item: u32| -> f32 {
            let item = task.model.item_vectors(&[item]).expect("works");
            vector.iter().zip(item).map(|(a, b)| a * b).sum()
        };
        let learnt = task.split.learnt.of(user);
        let mut list: Vec<(f32, u32)> =
            (0..240).filter(|item| !learnt.contains(item)).map(|item| (score(item), item)).collect();
        list.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best: Vec<String> = list.iter().take(10).map(|(_, item)| task.catalogue.title(*item)).collect();
        assert_eq!(answers.iter().map(|answer| answer.text.clone()).collect::<Vec<_>>(), best);
        let hit = list.iter().take(10).any(|(_, item)| *item == row.item);
        assert_eq!(sample.is_right(answers), hit);
    }
}
