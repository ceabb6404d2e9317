//! Every word that the window shows, in one place.

macro_rules! texts {
    ($($name:ident = $text:literal;)*) => { $(pub(crate) const $name: &str = $text;)* };
}

texts! {
    PLAY_PAUSE = "Play or pause";
    STEP_FORWARD = "Step forward";
    STEP_BACK = "Step back";
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
}

texts! {
    BEST_WEIGHTS = "best weights";
    LATEST_WEIGHTS = "latest weights";
    EPISODE_REPLACED = "the run was resumed from a checkpoint before this episode and has others since: choose again";
}

pub(crate) fn other_spaces(env: &str) -> String {
    format!("the policy is for other observations or actions than those of {env}: choose weights of a run on it")
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
