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
