//! Asking before something is destroyed.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

/// Whether to ask.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Confirmation {
    /// Don't ask; nothing is asked where there is no terminal
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks the question on a terminal, and fails unless the answer is yes.
    pub(crate) fn ask(self, question: &str) -> anyhow::Result<()> {
        if self.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(());
        }
        eprint!("{question} [y/N] ");
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        let answer = answer.trim().to_lowercase();
        anyhow::ensure!(answer == "y" || answer == "yes", "nothing was done");
        Ok(())
    }
}
