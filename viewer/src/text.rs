//! Every word that the window shows, in one place.

macro_rules! texts {
    ($($name:ident = $text:literal;)*) => { $(pub(crate) const $name: &str = $text;)* };
}

texts! {
    ROLLOUTS = "Rollouts";
    NOTHING_OPEN = "No run is open. Start one with `cartwheel train CartPole-v1 --view`, or open a finished one with `cartwheel watch RUN`.";
    NOT_LIVE = "This run is not live. Its episodes are in the time line: pick one there, or click a curve.";
    NO_FRAMES = "Attached. The first picture comes with the next step.";
    ENV_ABSENT = "Nothing was heard of this environment yet.";
    EMPTY_FILM = "This episode could not be played again.";
    ENVIRONMENT = "Environment";
    EPISODE = "Episode";
    STEP = "step";
    RETURN = "return";
    JUDGED_BY = "judged by";
    EXPLORES = "explores";
    PERSON_PLAYS = "a person plays";
    NO_DRAWING = "draws nothing";
    SELECT_TO_SEE = "Select it to see what it observes.";
    BROKEN_DRAWING = "Its drawing has a number that is not finite.";
    AND_MORE = "more";
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
