//! The options of `token`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a new token on standard output, once, and write its entry for the file of tokens.
    #[command(after_help = "Examples:\n  \
        cleanplate token new --role submit --role read --owner alice --to /etc/cleanplate/tokens.toml > alice.token\n  \
        cleanplate token new --role admin --days 30 --to tokens.toml > admin.token\n  \
        cleanplate token new --join --workers gpu- --to tokens.toml > join.token\n\n\
        The file holds hashes and no token. A coordinator reads it again within a second; take an entry out of it, \
        and its token holds no longer.")]
    New(NewTokenArguments),
}

/// Options of `token new`.
#[derive(Debug, Args)]
pub(crate) struct NewTokenArguments {
    /// What its holder may do: read, submit, operate or admin. Repeatable.
    #[arg(long, value_name = "ROLE", required_unless_present = "join",
        value_parser = ["read", "submit", "operate", "admin"])]
    pub(crate) role: Vec<String>,
    /// Whose jobs are its holder's own; needed for read and submit.
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Make a join token, for workers.
    #[arg(long, conflicts_with_all = ["role", "owner"])]
    pub(crate) join: bool,
    /// Only for workers whose names begin so.
    #[arg(long, value_name = "PREFIX", requires = "join")]
    pub(crate) workers: Option<String>,
    /// It ends after so many days; by default never.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) days: Option<u64>,
    /// What it is called in the file and in logs; by default the owner's name and a number.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Add the entry to this file, which is made where it is not there; by default it is printed on standard error.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}
