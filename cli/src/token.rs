//! `token`: makes tokens. The token goes to standard output once and nowhere else; what is kept of it is its hash.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cleanplate_access::{Token, Tokens};

use crate::arguments::{NewTokenArguments, TokenCommand};
use crate::exit::{Refusal, Status};
use crate::{say, whole};

/// Does it.
///
/// # Errors
/// A refusal where the entry would make no sense or the file cannot be written; there is no token then.
pub(crate) fn run(command: TokenCommand) -> Result<Status, Refusal> {
    let TokenCommand::New(arguments) = command;
    let (token, entry) = made(&arguments, SystemTime::now())?;
    match &arguments.to {
        Some(path) => add(path, &entry)?,
        None => {
            Tokens::parse(&entry).map_err(|error| Refusal::usage(error.to_string()))?;
            say::note(&entry);
        }
    }
    say::line(token.reveal())?;
    Ok(Status::Done)
}

/// A token and its entry for the file.
fn made(arguments: &NewTokenArguments, now: SystemTime) -> Result<(Token, String), Refusal> {
    let NewTokenArguments { role, owner, join, workers, days, id, to: _ } = arguments;
    let named = owner.as_deref().or_else(|| join.then_some("join"));
    let named = named.or_else(|| role.first().map(String::as_str));
    let refused = |error: cleanplate_access::TokenError| Refusal::usage(error.to_string());
    let id = match id {
        Some(id) => id.clone(),
        None => Token::fresh_id(named.unwrap_or_default()).map_err(refused)?,
    };
    let token = Token::fresh(&id).map_err(refused)?;
    let mut entry = toml::Table::new();
    let mut put = |key: &str, value: toml::Value| entry.insert(key.to_owned(), value);
    put("id", id.into());
    put("sha256", token.hash().to_string().into());
    if *join {
        put("kind", "join".into());
    } else {
        put("roles", role.clone().into());
    }
    if let Some(owner) = owner {
        put("owner", owner.clone().into());
    }
    if let Some(workers) = workers {
        put("workers", workers.clone().into());
    }
    if let Some(days) = days {
        let end = now + Duration::from_secs(days * 24 * 3600);
        put("not_after", rfc3339(end).into());
    }
    let text = format!("[[token]]\n{entry}");
    Ok((token, text))
}

/// A time as the file has it, to the second.
fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Adds an entry to a file that is whole before and after; a new one is its owner's alone to read.
fn add(path: &Path, entry: &str) -> Result<(), Refusal> {
    let shown = path.display();
    let unwritten =
        |error: std::io::Error| Refusal::failed(format!("{shown} cannot be written: {error}"));
    let (before, mode) = match std::fs::read_to_string(path) {
        Ok(text) => {
            let mode = std::fs::metadata(path).map_err(unwritten)?.permissions().mode();
            (text, mode & 0o777)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (String::new(), MODE),
        Err(error) => return Err(Refusal::failed(format!("{shown} cannot be read: {error}"))),
    };
    let gap = if before.is_empty() || before.ends_with("\n\n") {
        ""
    } else if before.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let after = format!("{before}{gap}{entry}");
    Tokens::parse(&after).map_err(|error| Refusal::usage(format!("{shown}: {error}")))?;
    let mut file = tempfile::Builder::new()
        .prefix(".cleanplate-")
        .tempfile_in(whole::folder_of(path))
        .map_err(unwritten)?;
    file.write_all(after.as_bytes()).map_err(unwritten)?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(unwritten)?;
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(path).map_err(|error| unwritten(error.error))?;
    Ok(())
}

/// Of a new file: who reads the hash of a join token can make credentials.
const MODE: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(role: &[&str], owner: Option<&str>) -> NewTokenArguments {
        NewTokenArguments {
            role: role.iter().map(|role| (*role).to_owned()).collect(),
            owner: owner.map(str::to_owned),
            join: role.is_empty(),
            workers: None,
            days: Some(2),
            id: None,
            to: None,
        }
    }

    #[test]
    fn what_is_made_is_found_in_the_file_that_it_is_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut made_so_far = Vec::new();
        for arguments in
            [arguments(&["submit", "read"], Some("O\"Neil \\ co")), arguments(&[], None)]
        {
            let (token, entry) = made(&arguments, now).unwrap();
            assert!(!entry.contains(token.reveal()));
            add(&path, &entry).unwrap();
            made_so_far.push(token);
        }
        let tokens = Tokens::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(made_so_far.iter().all(|token| tokens.find(token, now).is_ok()));
        let later = now + Duration::from_secs(2 * 24 * 3600);
        assert!(made_so_far.iter().all(|token| tokens.find(token, later).is_err()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn an_entry_without_sense_is_not_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let (_, entry) = made(&arguments(&["read"], None), SystemTime::now()).unwrap();
        assert_eq!(add(&path, &entry).unwrap_err().status, Status::Usage, "whose jobs?");
        assert!(!path.exists());
    }
}
