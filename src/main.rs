//! The `cartwheel` command.

fn main() -> std::process::ExitCode {
    cartwheel::cli::run()
}
