//! The farm's store as this machine sees it.
//!
//! Owns whether it is the coordinator's: a folder that is not mounted here, or not any more, is an empty one, in which
//! all that the farm has seems to be lost and all that is written is.

use cleanplate_store::{Keys, Store, StoreError, keys};

/// A store, and the mark by which the coordinator's is known.
#[derive(Debug, Clone)]
pub(crate) struct FarmStore {
    store: Store,
    url: String,
    /// Empty where an older coordinator does not tell.
    farm: String,
    /// The coordinator signs what is asked of it.
    signed: bool,
}

impl FarmStore {
    /// The store at `url` as it is here, by `keys`.
    ///
    /// # Errors
    /// Those of [`Store::open_by`].
    pub(crate) fn open(url: &str, farm: &str, keys: Keys) -> Result<Self, StoreError> {
        let signed = matches!(keys, Keys::Signed(_));
        let store = Store::open_by(url, keys)?;
        Ok(Self { store, url: url.to_owned(), farm: farm.to_owned(), signed })
    }

    /// Whether it is what a coordinator means that tells these.
    pub(crate) fn is(&self, url: &str, farm: &str, signed: bool) -> bool {
        self.url == url && self.farm == farm && self.signed == signed
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The store itself.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Whether the coordinator's mark is not in it. A store that does not answer is none that is known to be another.
    pub(crate) async fn is_another(&self) -> bool {
        if self.farm.is_empty() {
            return false;
        }
        match self.store.exists(&keys::farm(&self.farm)).await {
            Ok(is_there) => !is_there,
            Err(error) => {
                tracing::warn!(%error, "whether the store is the coordinator's is not known");
                false
            }
        }
    }
}
