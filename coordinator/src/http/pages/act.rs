//! What a button of a page asks for: of which job or worker, by whom, with which fields.

use axum::extract::{Extension, FromRequest, FromRequestParts as _, Path, Request};
use axum::response::{IntoResponse as _, Response};
use cleanplate_access::Caller;

use crate::http::body::{Fields, form};
use crate::http::call;
use crate::http::pages::{Mishap, on_to};

/// Bytes of a form at most: some thousand overlays that stay.
const FORM_BYTES_MAX: usize = 64 << 10;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Act {
    caller: Caller,
    /// The job or the worker.
    pub(super) of: String,
    pub(super) fields: Fields,
}

impl<S: Send + Sync> FromRequest<S> for Act {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let caller = Extension::<Caller>::from_request_parts(&mut parts, state).await;
        let Extension(caller) = caller.map_err(|refused| refused.into_response())?;
        let of = Path::<String>::from_request_parts(&mut parts, state).await;
        let Path(of) = of.map_err(|refused| refused.into_response())?;
        let fields = form(&parts.headers, body, FORM_BYTES_MAX).await;
        let fields = fields.map_err(|refused| Mishap::from(refused).into_response())?;
        Ok(Self { caller, of, fields })
    }
}

impl Act {
    /// A request of whoever pressed the button.
    pub(super) fn call<T>(&self, request: T) -> tonic::Request<T> {
        call(self.caller.clone(), request)
    }

    /// On to where the button stood, or to this page.
    pub(super) fn back(&self, usual: &str) -> Response {
        match self.fields.last("back") {
            "" => on_to(usual),
            named => on_to(named),
        }
    }
}
