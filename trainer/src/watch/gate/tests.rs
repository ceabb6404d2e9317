use super::*;
use std::sync::Arc;

const UNSHOWN: Shown = Shown { generation: 0, done: false };

/// Runs `watch` beside actors that step as fast as the gate lets them.
fn beside_actors(count: u32, watch: impl FnOnce(&Gate, &[Arc<Slot>])) {
    let (gate, stop) = (Gate::default(), AtomicBool::new(false));
    let slots: Vec<_> = (0..count).map(|i| Arc::new(Slot::new(i, 1, Arc::default()))).collect();
    std::thread::scope(|scope| {
        for slot in &slots {
            let (gate, stop) = (&gate, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let shown = Shown { generation: gate.generation(), done: false };
                    if gate.pass(slot, shown, || stop.load(Ordering::Relaxed)) {
                        step(slot);
                    }
                }
            });
        }
        watch(&gate, &slots);
        // Those that are held are let go by this alone.
        stop.store(true, Ordering::Relaxed);
    });
}

fn step(slot: &Slot) {
    slot.thread_activity.stepped(slot.thread_activity.steps() + 1);
}

fn steps(slots: &[Arc<Slot>]) -> Vec<u64> {
    slots.iter().map(|slot| slot.thread_activity.steps()).collect()
}

fn until(holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited too long");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until all have come to rest, and answers after how many steps.
fn at_rest(slots: &[Arc<Slot>]) -> u64 {
    let held = |slot: &Arc<Slot>| slot.thread_activity.activity() == Activity::Held as u8;
    let mut rest = 0;
    for _ in 0..3 {
        until(|| slots.iter().all(held) && steps(slots).windows(2).all(|pair| pair[0] == pair[1]));
        rest = steps(slots)[0];
    }
    rest
}

#[test]
fn all_actors_rest_at_the_same_step_and_step_together() {
    beside_actors(3, |gate, slots| {
        until(|| steps(slots).iter().all(|steps| *steps > 100));
        gate.pause(steps(slots).into_iter().max().unwrap_or_default());
        let before = at_rest(slots);
        gate.step(5, before);
        until(|| steps(slots).iter().all(|steps| *steps >= before + 5));
        assert_eq!(at_rest(slots), before + 5);
        // Before the first of these is done, too.
        gate.step(2, before + 5);
        gate.step(1, before + 6);
        until(|| steps(slots).iter().all(|steps| *steps >= before + 8));
        assert_eq!(at_rest(slots), before + 8);
        gate.resume();
        until(|| steps(slots).iter().all(|steps| *steps > before + 1000));
        assert!(gate.held() > Duration::ZERO);
    });
}

#[test]
fn who_waits_is_let_go_by_a_reset_and_for_good_by_opening() {
    beside_actors(2, |gate, slots| {
        gate.pause(0);
        let before = at_rest(slots);
        gate.limit_speed(Some(0.01));
        gate.reset();
        until(|| steps(slots).iter().all(|steps| *steps > before + 1000));
        gate.pause(0);
        at_rest(slots);
        gate.open();
        let before = steps(slots)[0];
        gate.pause(0);
        until(|| steps(slots).iter().all(|steps| *steps > before + 1000));
    });
}

#[test]
fn a_viewer_is_awaited_for_a_while() {
    beside_actors(1, |gate, slots| {
        gate.await_viewer(Duration::from_secs(3600));
        at_rest(slots);
        gate.viewer_came();
        assert!(!gate.awaits_viewer());
        until(|| steps(slots)[0] > 1000);
        gate.await_viewer(Duration::ZERO);
        let before = steps(slots)[0];
        until(|| steps(slots)[0] > before + 1000);
        // A viewer that came after all does not end a pause of its own.
        gate.pause(0);
        gate.viewer_came();
        at_rest(slots);
    });
}

#[test]
fn a_speed_limit_is_kept_by_deadlines() {
    let gate = Gate::default();
    gate.limit_speed(Some(10.0));
    let slots = [Slot::new(0, 1, Arc::default()), Slot::new(1, 1, Arc::default())];
    let mut state = gate.state();
    let begin = state.due;
    let at = |millis| begin + Duration::from_millis(millis);
    let mut wait =
        |slot: &Slot, millis| state.wait(slot, UNSHOWN, at(millis), Duration::ZERO).map(|wait| wait.as_millis());
    assert_eq!(wait(&slots[0], 0), Some(100));
    assert_eq!(wait(&slots[1], 30), Some(70));
    assert_eq!(wait(&slots[0], 100), None);
    step(&slots[0]);
    // It woke late, and its next step is as if it had not.
    assert_eq!(wait(&slots[0], 115), Some(85));
    // Who is behind does not wait.
    assert_eq!(wait(&slots[1], 115), None);
    step(&slots[1]);
    assert_eq!((wait(&slots[0], 200), wait(&slots[1], 200)), (None, None));
    step(&slots[0]);
    // A long update: what was missed is not made up for.
    assert_eq!(wait(&slots[0], 1000), None);
    step(&slots[0]);
    assert_eq!(wait(&slots[0], 1001), Some(79));
}

#[test]
fn each_step_is_shown_where_there_is_time_for_it() {
    let gate = Gate::default();
    assert!(!gate.shows_each(0, 60.0));
    gate.limit_speed(Some(30.0));
    assert!(gate.shows_each(0, 60.0) && !gate.shows_each(0, 20.0) && !gate.shows_each(0, 0.0));
    gate.limit_speed(None);
    gate.step(1000, 50);
    assert!(!gate.shows_each(900, 60.0) && gate.shows_each(1000, 60.0));
    // Then the actor waits until what it has shown is taken.
    let slot = Slot::new(0, 1, Arc::default());
    slot.watched.store(true, Ordering::Relaxed);
    let mut state = gate.state();
    state.hz = 60.0;
    slot.thread_activity.stepped(1000);
    let now = Instant::now();
    let mut wait = |shown, waited| state.wait(&slot, shown, now, waited).is_some();
    assert!(wait(UNSHOWN, Duration::ZERO));
    assert!(!wait(Shown { done: true, ..UNSHOWN }, Duration::ZERO));
    slot.ask(std::iter::empty());
    slot.fill(|_, _| {});
    assert!(wait(Shown { done: true, ..UNSHOWN }, Duration::ZERO));
    assert!(!wait(Shown { done: true, ..UNSHOWN }, HANDOVER), "but not for ever");
}
