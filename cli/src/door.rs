//! The door of a coordinator, by the settings: who is let in, by which certificate, to which places.
//!
//! Refuses to open a coordinator to others without TLS and tokens, unless that was asked for in so many words.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use cleanplate_access::{Access, ServerTls, Tokens, Watched};
use cleanplate_coordinator::Door;
use cleanplate_store::{Place, Places};

use crate::exit::{Refusal, Status};
use crate::settings::{AccessSettings, Settings};

/// The largest file of tokens.
const TOKENS_BYTES_MAX: u64 = cleanplate_access::entries::FILE_BYTES_MAX;

/// Opens the door of a coordinator that has its objects in `store`; `probes` says whether probes have an address of
/// their own.
///
/// # Errors
/// A refusal with status 4 where a file cannot be used.
pub(crate) fn open(settings: &Settings, store: &str, probes: bool) -> Result<Arc<Door>, Refusal> {
    let access = &settings.access;
    let lacks = |key: &'static str, why: String| {
        Refusal::new(Status::MachineLacks, settings.place_of(key).tell(&why))
    };
    let tls = access.identity.as_ref().map(|(cert, key)| {
        let tls = ServerTls::open(cert, key, access.client_ca.as_deref());
        tls.map_err(|error| lacks("tls.cert", error.to_string()))
    });
    let tls = tls.transpose()?;
    let who = match &access.tokens {
        None => Access::Anyone,
        Some(path) => {
            let tokens = tokens(path).map_err(|why| lacks("access.tokens", why))?;
            tell_if_open(path);
            Access::Known { tokens, probes: !probes }
        }
    };
    let places = places(access, store)?;
    Ok(Arc::new(Door::new(who, tls, places, settings.limits.door)))
}

/// Whether nobody but this machine, and those who are known, are let in at `bound`.
///
/// # Errors
/// A refusal with status 2 names what is missing, where others could reach it without TLS and tokens.
pub(crate) fn is_closed(
    access: &AccessSettings,
    bound: SocketAddr,
    insecure: bool,
) -> Result<(), Refusal> {
    let (has_tls, has_tokens) = (access.identity.is_some(), access.tokens.is_some());
    if bound.ip().is_loopback() || (has_tls && has_tokens) {
        return Ok(());
    }
    let lacks = match (has_tls, has_tokens) {
        (false, false) => "TLS and tokens (`tls.cert`, `tls.key`, `access.tokens`)",
        (false, true) => "TLS (`tls.cert`, `tls.key`)",
        (true, _) => "tokens (`access.tokens`)",
    };
    if insecure {
        tracing::warn!(address = %bound, "others can reach this coordinator, which lacks {lacks}: --insecure was said");
        return Ok(());
    }
    Err(Refusal::usage(format!(
        "others can reach {bound}, and this coordinator lacks {lacks}; docs/access.md sets them up in five minutes; \
         or listen on 127.0.0.1, or say --insecure where everybody who reaches it may do everything"
    )))
}

fn tokens(path: &Path) -> Result<Watched<Tokens>, String> {
    let path = path.to_owned();
    let read = {
        let path = path.clone();
        move || {
            let shown = path.display();
            let size = std::fs::metadata(&path).map(|found| found.len());
            let size = size.map_err(|error| format!("{shown} cannot be read: {error}"))?;
            if size > TOKENS_BYTES_MAX {
                return Err(format!("{shown} has more than {TOKENS_BYTES_MAX} bytes"));
            }
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| format!("{shown} cannot be read: {error}"))?;
            let tokens = Tokens::parse(&text).map_err(|error| format!("{shown}: {error}"))?;
            tracing::info!(count = tokens.count(), "tokens are known");
            Ok(tokens)
        }
    };
    Watched::start("the file of tokens", vec![path], read)
}

/// Says so where the file of tokens is everybody's to read.
fn tell_if_open(path: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode());
    // A folder that others cannot enter closes what is in it.
    let is_reached = path.parent().is_none_or(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        mode(folder).is_ok_and(|mode| mode & 0o001 != 0)
    });
    if is_reached && mode(path).is_ok_and(|mode| mode & 0o004 != 0) {
        tracing::warn!(
            path = %path.display(),
            "everybody on this machine may read the file of tokens, and make workers' credentials by it; chmod 600"
        );
    }
}

fn places(access: &AccessSettings, store: &str) -> Result<Places, Refusal> {
    let (usual, owners) = match (&access.listed, &access.tokens) {
        (Some((usual, owners)), _) => (usual.clone(), owners.clone()),
        // Whoever is asked who they are is told what they may use: nothing, where nothing is said.
        (None, Some(_)) => {
            tracing::warn!(
                "no list says what jobs may read and write, so none is taken: see `access.sources` and \
                 `access.destinations`"
            );
            Default::default()
        }
        (None, None) => return Ok(Places::Any),
    };
    let own = Place::of_store(store).map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(Places::Listed { usual, owners, never: Vec::new() }.but_never(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(tls: bool, tokens: bool) -> AccessSettings {
        AccessSettings {
            identity: tls.then(|| ("/cert".into(), "/key".into())),
            tokens: tokens.then(|| "/tokens".into()),
            ..AccessSettings::default()
        }
    }

    #[test]
    fn what_others_can_reach_has_tls_and_tokens_or_was_told_not_to() {
        for bound in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            let bound = bound.parse().unwrap();
            assert!(is_closed(&access(false, false), bound, false).is_ok(), "{bound}");
        }
        for bound in
            ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "192.168.1.1:1", "[fe80::1]:1", "8.8.8.8:1"]
        {
            let bound = bound.parse().unwrap();
            for (tls, tokens) in [(false, false), (true, false), (false, true)] {
                let lacking = access(tls, tokens);
                let refusal = is_closed(&lacking, bound, false).unwrap_err();
                assert_eq!(refusal.status, Status::Usage);
                for word in ["--insecure", "docs/access.md"] {
                    assert!(refusal.message.contains(word), "{}", refusal.message);
                }
                assert_eq!(refusal.message.contains("tls.cert"), !tls, "{}", refusal.message);
                assert_eq!(refusal.message.contains("access.tokens"), !tokens);
                assert!(is_closed(&lacking, bound, true).is_ok());
            }
            assert!(is_closed(&access(true, true), bound, false).is_ok());
        }
    }

    #[test]
    fn with_tokens_and_no_lists_nothing_may_be_used() {
        assert_eq!(places(&access(false, false), "/store").unwrap(), Places::Any);
        let closed = places(&access(true, true), "/store").unwrap();
        assert!(closed.check("alice", cleanplate_store::Use::Source, "s3://b/k").is_err());
    }
}
