//! Where each setting comes from, so that what is wrong with it is told of the place where it was written.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::exit::Refusal;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Variable(String),
    /// In the file.
    File {
        /// The key, with its table.
        key: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// Nowhere: it is the key's default.
    Default(&'static str),
}

impl Place {
    /// What is said of the value, beginning with the place; a default is not the user's doing.
    pub(crate) fn tell(&self, said: &str) -> String {
        match self {
            Self::Flag(_) | Self::Variable(_) | Self::File { .. } => format!("{self}: {said}"),
            Self::Default(_) => said.to_owned(),
        }
    }

    /// The same of a refusal.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Refusal {
        Refusal::new(refusal.status, self.tell(&refusal.message))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => formatter.write_str(flag),
            Self::Variable(name) => formatter.write_str(name),
            Self::File { key, path } => write!(formatter, "`{key}` in {}", path.display()),
            Self::Default(key) => write!(formatter, "`{key}`, which has its default"),
        }
    }
}

/// See the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origins {
    path: Option<PathBuf>,
    keys: BTreeSet<String>,
    variables: BTreeSet<String>,
}

impl Origins {
    /// Of a file with these tables.
    pub(super) fn of_file(path: &Path, tables: &toml::Table) -> Self {
        let keys = tables.iter().filter_map(|(name, table)| Some((name, table.as_table()?)));
        let keys =
            keys.flat_map(|(name, table)| table.keys().map(move |key| format!("{name}.{key}")));
        Self { path: Some(path.to_owned()), keys: keys.collect(), variables: BTreeSet::new() }
    }

    /// These variables go over the file.
    pub(super) fn overlaid(self, variables: BTreeSet<String>) -> Self {
        Self { variables, ..self }
    }

    /// Where the value of `key` was written.
    pub(super) fn place(&self, key: &'static str) -> Place {
        let variable = variable_of(key);
        match &self.path {
            _ if self.variables.contains(&variable) => Place::Variable(variable),
            Some(path) if self.keys.contains(key) => Place::File { key, path: path.clone() },
            Some(_) | None => Place::Default(key),
        }
    }
}

/// The environment variable of a key.
fn variable_of(key: &str) -> String {
    match key {
        "log.filter" => "CLEANPLATE_LOG".to_owned(),
        "client.coordinator" => "CLEANPLATE_COORDINATOR".to_owned(),
        key => format!("CLEANPLATE_{}", key.replace('.', "_").to_uppercase()),
    }
}
