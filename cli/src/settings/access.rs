//! What of the settings is about who is who: certificates, tokens, and which places an owner's jobs may use.
//!
//! Owns the relations between them. Refuses halves: a certificate without its key, an authority of workers without a
//! certificate of one's own. A secret is shown nowhere.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cleanplate_access::{Dialer, JoinToken, SecretText};
use cleanplate_store::{Lists, Place, WebSettings};

use super::raw::{Lookup, RawAccess, RawClient, RawOwner, RawTls};
use super::{Place as Written, SettingsError};

/// See the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccessSettings {
    /// The file of tokens, by which a coordinator knows who asks.
    pub(crate) tokens: Option<PathBuf>,
    /// Which places jobs may use, where any list is written.
    pub(crate) listed: Option<(Lists, BTreeMap<String, Lists>)>,
    /// This process's own certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// The authority of workers' certificates.
    pub(crate) client_ca: Option<PathBuf>,
    /// The authority of the coordinator's certificate.
    pub(crate) ca: Option<PathBuf>,
    /// Whether a client's token may be sent in the clear.
    pub(crate) insecure: bool,
    /// A client's token.
    pub(crate) token: Option<SecretText>,
    /// The file of a client's token.
    pub(crate) token_file: Option<PathBuf>,
    /// A worker's join token.
    pub(crate) join: Option<JoinToken>,
}

/// The variable of a client's token: it is never taken from the command line, which `ps` shows.
const TOKEN: &str = "CLEANPLATE_TOKEN";

/// The variable of a worker's join token.
const JOIN_TOKEN: &str = "CLEANPLATE_JOIN_TOKEN";

impl AccessSettings {
    pub(super) fn resolve(
        (access, tls): (RawAccess, RawTls),
        client: (Option<PathBuf>, Option<bool>),
        (join_file, web): (Option<PathBuf>, &WebSettings),
        lookup: &Lookup<'_>,
    ) -> Result<Self, SettingsError> {
        let RawAccess { tokens, sources, destinations, owners } = access;
        let RawTls { cert, key, client_ca, ca } = tls;
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(cert), None) => {
                let wanted = "named together with its key, `tls.key`";
                return Err(SettingsError::of("tls.cert", cert.display().to_string(), wanted));
            }
            (None, Some(key)) => {
                let wanted = "named together with its certificate, `tls.cert`";
                return Err(SettingsError::of("tls.key", key.display().to_string(), wanted));
            }
        };
        if let Some(client_ca) = client_ca.as_ref().filter(|_| identity.is_none()) {
            let wanted = "named together with `tls.cert` and `tls.key`";
            return Err(SettingsError::of(
                "tls.client_ca",
                client_ca.display().to_string(),
                wanted,
            ));
        }
        let written = sources.is_some() || destinations.is_some() || owners.is_some();
        let keys = ["access.sources", "access.destinations"];
        let usual = lists(RawOwner { sources, destinations }, keys, web)?;
        let owners = owners.unwrap_or_default().into_iter();
        // The file is told by its table, whose names are the owners'.
        let keys = ["access.owners"; 2];
        let owners = owners.map(|(owner, raw)| Ok((owner, lists(raw, keys, web)?)));
        let owners = owners.collect::<Result<BTreeMap<_, _>, SettingsError>>()?;
        let (token_file, insecure) = client;
        let join = secret(JOIN_TOKEN, lookup)?.map(JoinToken::Told);
        Ok(Self {
            tokens,
            listed: written.then_some((usual, owners)),
            identity,
            client_ca,
            ca: ca.filter(|path| !path.as_os_str().is_empty()),
            insecure: insecure.unwrap_or(false),
            token: secret(TOKEN, lookup)?,
            token_file,
            join: join.or_else(|| join_file.map(JoinToken::File)),
        })
    }

    /// How a client reaches a coordinator; it shows no certificate, since it has a token.
    pub(crate) fn dialer(&self) -> Dialer {
        Dialer { ca: self.ca.clone(), identity: None, insecure: self.insecure }
    }

    /// How a worker does.
    pub(crate) fn worker_dialer(&self) -> Dialer {
        Dialer { identity: self.identity.clone(), ..self.dialer() }
    }
}

/// What of `client` is about tokens.
pub(super) fn of_client(client: &RawClient) -> (Option<PathBuf>, Option<bool>) {
    (client.token_file.clone(), client.insecure)
}

fn secret(
    variable: &'static str,
    lookup: &Lookup<'_>,
) -> Result<Option<SecretText>, SettingsError> {
    let Some(text) = lookup(variable).filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    SecretText::of(&text, variable).map(Some).map_err(|_form| SettingsError::Value {
        place: Written::Variable(variable.to_owned()),
        value: "(not shown)".to_owned(),
        wanted: "a token, one line as `cleanplate token new` prints it",
    })
}

/// The lists of one owner or of all others, by these keys.
fn lists(
    raw: RawOwner,
    [of_sources, of_destinations]: [&'static str; 2],
    web: &WebSettings,
) -> Result<Lists, SettingsError> {
    let RawOwner { sources, destinations } = raw;
    Ok(Lists {
        sources: list(of_sources, sources, web)?,
        destinations: list(of_destinations, destinations, web)?,
    })
}

fn list(
    key: &'static str,
    texts: Option<Vec<String>>,
    web: &WebSettings,
) -> Result<Vec<Place>, SettingsError> {
    let places = texts.unwrap_or_default().into_iter().map(|text| {
        Place::parse(&text, web).map_err(|_odd| {
            let shown = if text.contains('@') { "(not shown)".to_owned() } else { text };
            let wanted = "a list of absolute paths and of URLs with file, s3, gs, az or https (443, no user, no private \
                          host but those of `storage.private_hosts`), without `.` and `..`; `*` stands for all places";
            SettingsError::of(key, shown, wanted)
        })
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(access: RawAccess, tls: RawTls) -> Result<AccessSettings, SettingsError> {
        let web = WebSettings::default();
        AccessSettings::resolve((access, tls), (None, None), (None, &web), &|_| None)
    }

    #[test]
    fn halves_are_refused_by_name() {
        let path = || Some(PathBuf::from("/x"));
        let half = |tls| resolved(RawAccess::default(), tls).unwrap_err().to_string();
        assert!(half(RawTls { cert: path(), ..RawTls::default() }).contains("tls.key"));
        assert!(half(RawTls { key: path(), ..RawTls::default() }).contains("tls.cert"));
        assert!(half(RawTls { client_ca: path(), ..RawTls::default() }).contains("tls.client_ca"));
    }

    #[test]
    fn a_list_that_is_written_holds_though_it_is_empty() {
        let none = resolved(RawAccess::default(), RawTls::default()).unwrap();
        assert!(none.listed.is_none());
        let empty = RawAccess { sources: Some(Vec::new()), ..RawAccess::default() };
        assert_eq!(resolved(empty, RawTls::default()).unwrap().listed, Some(Default::default()));
        let odd =
            RawAccess { sources: Some(vec!["s3://u:hush@b/".to_owned()]), ..RawAccess::default() };
        let said = resolved(odd, RawTls::default()).unwrap_err().to_string();
        assert!(said.contains("access.sources") && !said.contains("hush"), "{said}");
    }

    #[test]
    fn a_token_that_is_none_is_not_shown() {
        let lookup = |name: &str| (name == TOKEN).then(|| "hush hush".to_owned());
        let error = secret(TOKEN, &lookup).unwrap_err().to_string();
        assert!(error.contains(TOKEN) && !error.contains("hush"), "{error}");
    }
}
