//! Every word that the window shows, in one place.

use std::path::Path;

use cartwheel_envs::KeyBindings;

use crate::number::short;

macro_rules! texts {
    ($($name:ident = $text:literal;)*) => { $(pub(crate) const $name: &str = $text;)* };
}

texts! {
    TITLE = "Cartwheel";
    ENVIRONMENT = "Environment";
    EPISODE = "Episode";
    STEP = "step";
    RETURN = "return";
    ROLLOUTS = "Rollouts";
    NOTHING_OPEN = "No run is open. Start one with `cartwheel train CartPole-v1 --view`, or open a finished one with `cartwheel watch RUN`.";
    NO_PICTURES = "This run is not live. Its episodes are in the time line: pick one there, or click a curve.";
    RUN_OVER = "The run has ended. This is its last picture.";
    SHOW_LAST_EPISODE = "Show its last episode";
    NO_FRAMES = "Attached. The first picture comes with the next step.";
    ENV_ABSENT = "Nothing was heard of this environment yet.";
    EMPTY_FILM = "This episode could not be played again.";
    JUDGED_BY = "judged by";
    EXPLORES = "explores";
    NOT_THE_BEST = "not the best by these weights";
    PERSON_PLAYS = "a person plays";
    NO_DRAWING = "draws nothing";
    SELECT_TO_SEE = "Select it to see what it observes.";
    BROKEN_DRAWING = "Its drawing has a number that is not finite.";
    AND_MORE = "more";
    VALUE_MAP = "Value map";
    BEST_VALUE = "value of the best action";
    ACROSS = "across";
    UP = "up";
    NOTHING_TO_INSPECT = "Nothing is looked at: attach to a live run, or open an episode.";
    NO_OBSERVATION = "Its observation is not known yet. Select an environment.";
    SPACES_AWAITED = "What the environment looks like is being found out.";
    WEIGHTS_NOT_LIVE = "This needs the run's weights, which come from a live run.";
    NO_JUDGE = "No weights judge this episode.";
    WEIGHTS_AWAITED = "The weights are on their way.";
    NO_VALUE_MAP_OF_IMAGES = "No value map here: it is drawn over two numbers of the observation, and this observation is an image. The Inspector shows the image, with the pixels that the value hangs on; the time line shows the value step by step.";
    NO_REPLAY_MAP_OF_IMAGES = "No replay map here: it is drawn over two numbers of the observation, and this observation is an image. The Machine room shows how full the replay buffer is.";
    STATE_VALUES = "Value of each state";
    OTHERWISE_AS_NOW = "A cell stands for several states: shown is the one that is otherwise as it is now.";
    NO_VALUES = "No value map here: this policy says how likely actions are, not what they are worth. Its picture shows how likely.";
    REPLAY_BUFFER = "Replay buffer";
    NO_REPLAY = "This algorithm keeps no replay buffer: it learns from its newest rollouts.";
    REPLAY_MAP = "Replay buffer map";
    REPLAY_NOT_LIVE = "The replay buffer is in the memory of a live run.";
    REPLAY_AWAITED = "The map is on its way.";
    REPLAY_EMPTY = "The replay buffer is empty.";
    CLICK_A_CELL = "Click a cell to list its transitions.";
    COLOR = "color";
    COUNT = "count";
    AGE = "age";
    TD_ERROR = "TD error";
    TRANSITIONS = "transitions";
    FROM = "from";
    TO = "to";
    ACTION = "action";
    REWARD = "reward";
    END = "end";
    TERMINATED = "terminated";
    TRUNCATED = "truncated";
    LANES_NOT_LIVE = "Threads, queue and memory are those of a live run.";
    LANES_AWAITED = "What the threads do was not heard yet.";
    DEVICE = "device";
    RUN_MEMORY = "memory of the run";
    VIEWER_MEMORY = "memory of the viewer";
    ENV_STEPS_A_SECOND = "environment steps a second";
    VECTOR_STEPS_A_SECOND = "vector steps a second";
    DROPPED_FRAMES = "dropped frames";
    QUEUE = "queue to the learner";
    LAST = "the last";
    WHERE_TIME_GOES = "where the time goes";
    WAITING = "waiting";
    STEPPING = "stepping";
    INFERRING = "inferring";
    UPDATING = "updating";
    USING_REPLAY = "replay";
    EVALUATING = "evaluating";
    WRITING = "writing";
    HELD = "paused or slowed down";
    INSPECTOR = "Inspector";
    OBSERVATION = "observation";
    SEEN = "seen";
    SALIENCY = "saliency";
    SALIENCY_HELP = "How steeply the value of the action that was taken changes with this number.";
    LAYER = "layer";
    PARAMETERS_NORM = "parameters";
    GRADIENT_NORM = "gradient";
    STRONGEST = "strongest pixels";
    PLAY_PAUSE = "Play or pause";
    STEP_FORWARD = "Step forward";
    STEP_BACK = "Step back";
    TO_START = "First step";
    TO_END = "Last step";
    NEXT_EPISODE = "Next episode";
    PREVIOUS_EPISODE = "Previous episode";
    FASTER = "Faster";
    SLOWER = "Slower";
    FLAT_OUT = "As fast as it goes";
    GO_LIVE = "Go to the live run";
    GRID = "All environments or one";
    TAKE_OVER = "Take over the environment";
    SCREENSHOT = "Save a screenshot";
    RECORD = "Record the picture";
    COPY_LINK = "Copy a command that opens this view";
    THEME = "Light or dark";
    PALETTE = "Command palette";
    HELP = "Keys";
    QUIT = "Quit";

    SHORT_HELP = "Keys";
    SHORT_PALETTE = "Commands";
    SHORT_THEME = "Theme";
    SHORT_COPY_LINK = "Copy link";
    SHORT_RECORD = "Record";
    SHORT_STOP = "Stop recording";
    RECORDING_NOW = "Recording. Press R again to end it";
    SHORT_SCREENSHOT = "Screenshot";

    PALETTE_HINT = "Type a part of a command's name";
    ESCAPE_KEY = "Esc";
    ESCAPE = "Leave what is innermost";
    NO_RUN = "No run";
    STATUS_NOT_LIVE = "Not live";
    FRAME_TIME = "Frame";
    SOFTWARE = "Software OpenGL";
    SOFTWARE_HINT = "The processor paints: at most 20 frames a second";
    EPSILON = "Override exploration";
    EPSILON_HINT = "The chance of a random action. A run that was meddled with is no longer what its seed gives";
    TAKE_OVER_HINT = "Hold one of the environment's keys to act instead of the agent; let go, and it is the agent's again";
    TAKE_OVER_NEEDS_ENV = "Click an environment of a live run first";
    NO_KEYS = "This environment declares no keys";
    YOU_ACT = "Hold a key to act";
    GIVES_BACK = "gives it back";
    NOTHING_MOVES = "Nothing is shown that could move: open an episode, or a run that is live";
    NEEDS_EPISODE = "This is for an episode: open one in the time line";
    NO_LATER_EPISODE = "There is no later episode of this environment";
    NO_EARLIER_EPISODE = "There is no earlier episode";
    IS_FLAT_OUT = "It goes as fast as it can already";
    IS_LIVE_ALREADY = "This is the live run";
    RUN_NOT_LIVE = "The run is not live";
    NO_ENVIRONMENTS = "Only the environments of a live run are shown side by side";
    NOTHING_TO_LINK = "No run is open that a command could name";

    LOOKING_FOR_RUNS = "Looking for runs. Start one with `cartwheel train CartPole-v1`";
    TUI_KEYS = "space pause · ← → step · + - 0 speed · ↑ ↓ environment · m curves · e episode before (E of all environments) · l live · Tab next run · q quit";
    TUI_NOTHING_LIVE = "Not live. e shows the last episode of the environment, E that of all";
    PAUSED = "paused";
    STEPS = "steps";
    EPISODES = "episodes";
    NO_METRICS = "No metrics yet";
    MACHINE_ROOM = "Machine room";
    DOCTOR = "Doctor";
    NOTHING_FOUND = "Nothing found.";
    LOOKED_FOR = "Looked for in the metrics of the runs that are shown:";
    ASKED = "asked";
    VECTOR_STEPS_PER_SECOND = "vector steps/s";
    UPDATES = "updates";
    REPLAY = "replay";
    POLICY_LAG = "policy lag";

    CURVES = "Curves";
    RUNS = "Runs";
    METRICS = "Metrics";
    SEARCH = "Search";
    PLOT_OF = "Plot of";
    X_AXIS = "x axis";
    AXIS_STEPS = "Steps";
    AXIS_EPISODES = "Episodes";
    AXIS_WALL_TIME = "Training time";
    LOG_X = "Log x";
    LOG_Y = "Log y";
    SMOOTHING = "Smoothing";
    SMOOTHING_HINT = "How far back each point's mean reaches, in the units of x. The curve as it is stays pale behind";
    GROUPED = "Average seeds";
    GROUPED_HINT = "Runs that differ in no more than their seeds: their mean, and a band from the lowest to the highest. The mean is thin and dashed where not all of the seeds have data";
    FILTER = "Filter";
    FILTER_EXAMPLE = "env.id=CartPole-v1";
    FILTER_HINT = "Lists and plots only runs that fit: words in a run's name, or settings such as dqn.learning_rate=0.001";
    MAKE_LARGE = "Click to see it alone. In the plot: drag to move, Ctrl and the wheel to zoom, the right button for a box, a double click to see all";
    MAKE_SMALL = "Click to see it beside the others";
    LEFT_OUT = "left out";
    LEFT_OUT_HINT = "Values that are no numbers, and on logarithmic axes what is not positive";
    CLICK_TO_OPEN = "Click to see the episode";
    NO_CURVES = "No curves: no run is checked, none fits the filter of the list of runs, or none has metrics yet";
    NO_RUN_FITS = "No run fits the filter";
    CURVE_OF = "Curve of";
    AXES = "Axes and smoothing";
    NO_METRICS_CHOSEN = "No metric is checked";
    SHOW_CURVES_OF = "Show the curves of";
    LIVE = "Live";
    IS_LIVE = "live";
    KILLED = "killed";
    FINISHED = "finished";
    INTERRUPTED = "interrupted";
    FAILED = "failed";
    READING = "reading";
    SEED = "seed";
    BEST_RETURN = "best evaluation";
    CONFIGURATION = "Configuration";
    DIFFERENCES_FROM = "Differences from";
    NO_DIFFERENCES = "None";
    NOT_READ = "Not all of this run can be read";
    NOT_READ_FOLDER = "Its folder:";
    NOT_READ_HINT = "What can be read is shown, and the rest as soon as it can be.";
}

texts! {
    BEST_WEIGHTS = "best weights";
    LATEST_WEIGHTS = "latest weights";

    TIMELINE = "Time line";
    STRIPS = "Steps";
    VALUE = "value";
    NO_TIME = "Open an episode, or watch a run that is live";
    NO_EPISODES = "No episode has ended yet";
    ALL_ENVIRONMENTS = "show all";
    ALL_ENVIRONMENTS_HINT = "List the episodes of all environments";
    EVERY_EPISODE = "All:";
    NONE_EARLIER = "There is no earlier episode";
    LOOKING_BACK = "looking back: to live";
    SPEED = "Speed";
    SHORT_FLAT_OUT = "Flat out";
    NO_WEIGHTS = "no weights yet";
    JUDGE = "Judged by";
    JUDGE_HINT = "Whose weights give the values and TD errors. They know more now than when the episode was played";

    YOU = "You";
    OVER = "over";
    RECORDED = "recording";
    ESCAPE_IS_THE_MENU = "Esc: menu";
    TURN_BASED = "a step with each key";
    MENU_PAUSED = "Paused";
    MENU_OVER = "The episode is over";
    MENU_CUT_OFF = "The episode's time is up";
    MENU_FAILED = "The environment failed";
    GO_ON = "Go on";
    RESTART = "Restart";
    AGAIN = "Again";

    WHAT_IF = "What if";
    WHAT_IF_NEEDS_FILM = "Open an episode in the time line, and go to a step of it";
    WHAT_IF_HINT = "Goes on from this step with other actions than were taken. The environment's randomness goes on as it would have";
    CHOICES = "Choices";
    CHOICE_HINT = "Takes this action";
    BRANCH_PICTURE = "Branch";
    AS_RECORDED = "As it was recorded";
    RETURNS_SO_FAR = "Return so far of each branch and of the episode";
    RETURNS_SO_FAR_HINT = "Return so far: the grey line is the episode, each branch has its color. Click to go to a step";
    STATE = "State";
    SET_STATE = "Set this state";
    SET_STATE_HINT = "Goes on from a state with these numbers. What is not among them, as the time that has passed, stays";
    NO_STATE_VARIABLES = "This environment declares no state variables: its state cannot be edited here";
    HAS_KEYS = "the keys move this";
    HAS_KEYS_HINT = "Space, arrows, Home, End, + and - move this view";
    GIVE_KEYS = "Give it the keys";
    FOLLOW_POLICY = "Let the policy go on";
    TAKE_BACK = "Take the last step back";
    REMOVE = "Remove";

    COMPARE = "Side by side";
    OF_SEED = "Seed";
    LEFT = "Left";
    RIGHT = "Right";
    PLAY_BOTH = "Play both";
    PLAY = "Play";
    PAUSE = "Pause";
    NEVER_PART = "They do the same all along";
}

/// A text of at most so many letters.
pub(crate) fn elided(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['\u{2026}']).collect()
}

pub(crate) fn seeds(count: usize) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{count} seeds") }
}

/// The mean of `here` of a group's `all` seeds, and from where to where they are.
pub(crate) fn average(name: &str, [mean, low, high]: [&str; 3], here: usize, all: usize) -> String {
    match (here, all) {
        (_, 1) => format!("{name}: {mean}"),
        (here, all) if here == all => format!("{name}: {mean} ({low} to {high}, {all} seeds)"),
        (here, all) => format!("{name}: {mean} ({low} to {high}), dashed: only {here} of {all} seeds have data here"),
    }
}

pub(crate) fn of_environment(env: u32) -> String {
    format!("Environment {env}:")
}

pub(crate) fn only_environment(env: u32) -> String {
    format!("environment {env} alone")
}

pub(crate) fn none_of_environment(env: u32) -> String {
    format!("No episode of environment {env} has ended yet")
}

pub(crate) fn none_earlier_of(env: u32) -> String {
    format!(
        "There is no earlier episode of environment {env}: E goes through those of all, \u{2191} and \u{2193} choose another"
    )
}

pub(crate) fn no_episode(number: usize, last: Option<usize>) -> String {
    match last {
        Some(last) => {
            format!("There is no episode {number}: the run has episodes 0 to {last}, and {last} is shown instead")
        }
        None => format!("There is no episode {number}: the run has none"),
    }
}

pub(crate) fn no_step(step: u32, last: u32) -> String {
    format!("There is no step {step}: the episode has {last}, and the last is shown instead")
}

pub(crate) fn episode_awaited(number: usize, last: Option<usize>) -> String {
    let last = last.map_or(String::new(), |last| format!("; the newest is {last}"));
    format!("Episode {number} has not ended yet{last}. It opens when it does")
}

pub(crate) fn other_spaces(env: &str) -> String {
    format!("the policy is for other observations or actions than those of {env}: choose weights of a run on it")
}

pub(crate) fn reins(bindings: &KeyBindings, give_back: &str) -> String {
    let keys: Vec<_> = bindings.keys.iter().map(|(key, _, meaning)| format!("{key} {meaning}")).collect();
    format!("{YOU_ACT}:   {}   ({give_back} {GIVES_BACK})", keys.join("   "))
}

pub(crate) fn too_many_states(count: usize) -> String {
    format!("{count} states are too many to show side by side. The time line shows the value step by step.")
}

pub(crate) fn state(number: i32) -> String {
    format!("state {number}")
}

pub(crate) fn cannot_replay(problem: &str) -> String {
    format!("This episode cannot be played again: {problem}")
}

pub(crate) fn step_failed(step: usize, problem: &str) -> String {
    format!("Step {step} failed, though it did not when it was recorded: {problem}")
}

pub(crate) fn ended_early(step: usize, total: usize) -> String {
    format!(
        "Not the recorded episode: it ended after {step} of {total} steps. The environment is not deterministic or has changed."
    )
}

pub(crate) fn unfaithful(return_: f64, recorded: f64) -> String {
    format!(
        "Not the recorded episode: its return is {return_}, not {recorded}. The environment is not deterministic or has changed."
    )
}

pub(crate) fn cut_off(shown: usize, total: usize) -> String {
    format!("Only the first {shown} of {total} steps: the rest does not fit into the memory that films may take.")
}

pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    format!("the environment panicked: {text}")
}

pub(crate) fn episode(number: usize, return_: f64, length: u32) -> String {
    format!("{number}: return {} in {length}", short(return_))
}

pub(crate) fn step_of(step: u32, last: u32) -> String {
    format!("step {step} of {last}")
}

pub(crate) fn film_speed(asked: f32, real_time: f32, measured: Option<f32>) -> String {
    let asked = match asked.is_finite() {
        true => format!("{}/s ({}×)", short(asked.into()), short((asked / real_time).into())),
        false => SHORT_FLAT_OUT.to_lowercase(),
    };
    measured.map_or(asked.clone(), |measured| format!("{asked}, measured {measured:.0}"))
}

pub(crate) fn live_speed(asked: Option<f32>, measured: f32) -> String {
    let asked = asked.map_or(SHORT_FLAT_OUT.to_lowercase(), |asked| format!("{}/s", short(asked.into())));
    format!("{asked}, measured {}/s", short(measured.into()))
}

pub(crate) fn unknown_film(path: &Path) -> String {
    format!("{} is neither a .gif nor an .mp4 file: give one of those", path.display())
}

pub(crate) fn no_ffmpeg(path: &Path) -> String {
    format!("There is no ffmpeg on PATH to write an MP4: {} was written instead", path.display())
}

pub(crate) fn not_recorded(path: &Path, problem: &std::io::Error) -> String {
    format!("could not write {}: {problem}", path.display())
}

pub(crate) fn nothing_to_play(env: &str) -> String {
    format!("{env} has no keys to play it with: give it `key_bindings`")
}

pub(crate) fn turn_based(env: &str) -> String {
    format!("{env} is stepped with each key, not by the clock: leave out --fps")
}

pub(crate) fn other_rival(run: &str, of: &str, env: &str) -> String {
    format!("{run} was trained on {of}: play that, or give a run on {env}")
}

pub(crate) fn no_weights(run: &str) -> String {
    format!("{run} has no weights yet: wait for its first checkpoint")
}

pub(crate) fn seed(seed: u64) -> String {
    format!("seed {seed}")
}

pub(crate) fn player(name: &str, return_: &str, steps: u64) -> String {
    format!("{name}: return {return_} in {steps} steps")
}

pub(crate) fn real_time(fps: u32) -> String {
    format!("{fps} steps a second")
}

pub(crate) fn state_refused(problem: &str) -> String {
    format!("The state stays as it is: {problem}")
}

pub(crate) fn environment(id: &str, args: &serde_json::Map<String, serde_json::Value>) -> String {
    let args: Vec<_> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if args.is_empty() { id.to_owned() } else { format!("{id} ({})", args.join(", ")) }
}

pub(crate) fn other_worlds([left, right]: [&str; 2], [left_env, right_env]: [&str; 2]) -> String {
    format!(
        "{left} is of {left_env} and {right} of {right_env}: two policies are compared in one environment. Choose runs of the same one."
    )
}

pub(crate) fn standing(now: &str, all: &str, steps: u32, ended: bool) -> String {
    let end = if ended { "in all" } else { "so far, and no end" };
    format!("return {now} here, {all} after {steps} steps {end}")
}

pub(crate) fn give_keys(view: &str) -> String {
    format!("Give the keys to {view}")
}

pub(crate) fn fork(step: u32) -> String {
    format!("Branch off here, at step {step}")
}

pub(crate) fn branch_failed(problem: &str) -> String {
    format!("It ends here, because the environment failed: {problem}")
}

pub(crate) fn contest_cut_off(steps: usize) -> String {
    format!("Only the first {steps} steps: the rest does not fit into the memory that this may take.")
}

pub(crate) fn branch_from(episode: usize, step: u32) -> String {
    format!("Branch off episode {episode} at step {step}")
}

pub(crate) fn branch(number: u32, episode: usize, from: u32, steps: u32, return_: &str) -> String {
    format!("{number}: return {return_}, {steps} steps off episode {episode} at {from}")
}

pub(crate) fn remove_branch(number: u32) -> String {
    format!("Remove branch {number}")
}

pub(crate) fn branch_at(step: u32, return_: &str) -> String {
    format!("Step {step} · return {return_}")
}

pub(crate) fn as_played(return_: &str) -> String {
    format!("As it was played, the return is {return_} here")
}

pub(crate) fn was_over(last: u32) -> String {
    format!("As it was played, it was over at step {last}")
}

pub(crate) fn follow_hint(steps: u32) -> String {
    format!("Takes the best actions for up to {steps} steps")
}

pub(crate) fn parting(step: u32) -> String {
    format!("They part at step {step}")
}

pub(crate) fn contender(run: &str, weights: &str) -> String {
    format!("{run}, {weights}")
}

pub(crate) fn saved(path: &std::path::Path) -> String {
    format!("Saved {}", std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display())
}

pub(crate) fn copied(command: &str) -> String {
    format!("Copied: {command}")
}
