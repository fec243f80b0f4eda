//! How coordinators are spoken to: the authority that is trusted, the token that is shown, how long a connection may
//! take. Says of what cannot be used so which setting named it. Refuses to choose among coordinators.

use std::path::Path;
use std::time::Duration;

use cleanplate_access::{Bearer, DialError, Dialer, SecretText};
use tonic::transport::Endpoint;

use crate::exit::Refusal;
use crate::settings::{Place, Settings};

/// How long a connection may take: a host that drops packets says nothing by itself.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which an answer is waited for is asked so often whether it lives, and given as long to answer: a
/// coordinator that was paused says nothing by itself either.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// For refusals that name no setting.
pub(crate) const UNTOLD: Place = Place::Default("client.coordinator");

/// How coordinators are spoken to: by which roots, and with which token.
#[derive(Debug, Clone, Default)]
pub(crate) struct Route {
    dialer: Dialer,
    token: Option<SecretText>,
    /// Where the file of the authority was named.
    ca: Option<Place>,
}

impl Route {
    /// The one that the settings and these arguments say.
    ///
    /// # Errors
    /// A refusal where the token cannot be read.
    pub(crate) fn of(settings: &Settings, token_file: Option<&Path>) -> Result<Self, Refusal> {
        let access = &settings.access;
        let read = |place: &Place, path: &Path| {
            SecretText::read(path).map_err(|error| Refusal::usage(place.tell(&error.to_string())))
        };
        let token = match (token_file, &access.token, &access.token_file) {
            (Some(path), _, _) => Some(read(&Place::Flag("--token-file"), path)?),
            (None, Some(token), _) => Some(token.clone()),
            (None, None, Some(path)) => Some(read(&settings.place_of("client.token_file"), path)?),
            (None, None, None) => None,
        };
        Ok(Self { dialer: access.dialer(), token, ca: Some(settings.place_of("tls.ca")) })
    }

    /// Takes an address as an endpoint.
    ///
    /// # Errors
    /// A refusal with status 2 where it is none, or the file of the authority cannot be read.
    pub(crate) fn endpoint(&self, address: &str) -> Result<Endpoint, Refusal> {
        self.endpoint_at(address, &UNTOLD)
    }

    /// The same of an address that was written at `place`.
    pub(super) fn endpoint_at(&self, address: &str, place: &Place) -> Result<Endpoint, Refusal> {
        let endpoint = self.dialer.endpoint(address);
        let endpoint = endpoint.map_err(|error| self.refused(&error, place))?;
        let endpoint = endpoint.connect_timeout(CONNECT_PATIENCE);
        Ok(endpoint.http2_keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE))
    }

    /// What is shown to the coordinator at `address`.
    ///
    /// # Errors
    /// A refusal where a token would go over the wire in the clear.
    pub(crate) fn bearer(&self, address: &str) -> Result<Bearer, Refusal> {
        self.bearer_at(address, &UNTOLD)
    }

    /// The same of an address that was written at `place`.
    pub(super) fn bearer_at(&self, address: &str, place: &Place) -> Result<Bearer, Refusal> {
        let bearer = self.token.as_ref().map(|token| self.dialer.bearer(address, token));
        let bearer = bearer.transpose().map_err(|error| self.refused(&error, place))?;
        Ok(bearer.unwrap_or_default())
    }

    /// A client shows no certificate: the authority's is the only file that it names.
    fn refused(&self, error: &DialError, place: &Place) -> Refusal {
        refused(error, place, |key| self.ca.clone().unwrap_or(Place::Default(key)))
    }
}

/// What to tell of an address that cannot be spoken to so: it was written at `address`, and `place_of` says where the
/// key of a file was. All of it are settings that cannot be used.
pub(crate) fn refused(
    error: &DialError,
    address: &Place,
    place_of: impl FnOnce(&'static str) -> Place,
) -> Refusal {
    let said = error.to_string();
    Refusal::usage(match error {
        DialError::Address { .. } | DialError::Clear { .. } => address.tell(&said),
        DialError::Unreadable { setting, .. } => place_of(setting).tell(&said),
        // It names its settings itself.
        DialError::Tls(_) => said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Status;

    #[test]
    fn an_authority_that_cannot_be_read_is_blamed_on_the_setting_that_names_it() {
        let route = Route {
            dialer: Dialer { ca: Some("/no/such/file".into()), ..Dialer::default() },
            ca: Some(Place::Variable("CLEANPLATE_TLS_CA".to_owned())),
            ..Route::default()
        };
        let place = Place::Flag("--coordinator");
        let refusal = route.endpoint_at("https://a:1", &place).unwrap_err();
        assert_eq!(refusal.status, Status::Usage);
        let begin = "CLEANPLATE_TLS_CA: /no/such/file cannot be read";
        assert!(refusal.message.starts_with(begin), "{}", refusal.message);
        assert!(route.endpoint_at("http://a:1", &place).is_ok(), "it is not needed there");
    }
}
