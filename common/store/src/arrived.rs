//! Whether a bucket has the bytes that it was sent, by what it answers.
//!
//! Most servers of S3's kind answer an upload with the MD5 of what arrived; some of their modes (keys of a customer's,
//! directory buckets) answer with something else. So only a server that was seen to tell MD5s is held to them. Refuses
//! to take one answer for a proof of how a server counts.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Body as _;
use md5::{Digest as _, Md5};
use object_store::client::HttpRequestBody;
use reqwest::header::{ETAG, HeaderMap};

/// What is known of one bucket. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals {
    tells_md5: Arc<AtomicBool>,
}

impl Arrivals {
    /// Whether the answer to an upload of `sent` speaks of other bytes.
    pub(crate) fn are_others(&self, sent: &str, answer: &HeaderMap) -> bool {
        let Some(told) = answer.get(ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
        let told = told.trim_matches('"');
        if told.eq_ignore_ascii_case(sent) {
            self.tells_md5.store(true, Ordering::Relaxed);
            return false;
        }
        let is_md5 = told.len() == sent.len() && told.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_md5 && self.tells_md5.load(Ordering::Relaxed)
    }
}

/// The MD5 of what is sent, in the form in which servers tell it.
pub(crate) async fn md5_of(body: &HttpRequestBody) -> String {
    let (mut body, mut md5) = (body.clone(), Md5::new());
    // What is sent is in memory, and never late.
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Some(bytes) = frame.data_ref() {
            md5.update(bytes);
        }
    }
    md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use object_store::PutPayload;

    use super::*;

    #[tokio::test]
    async fn a_server_is_held_to_md5s_once_it_was_seen_to_tell_them() {
        let payload: PutPayload =
            [bytes::Bytes::from_static(b"ab"), bytes::Bytes::from_static(b"c")]
                .into_iter()
                .collect();
        let sent = md5_of(&payload.into()).await;
        assert_eq!(sent, "900150983cd24fb0d6963f7d28e17f72");
        let told = |tag: &str| HeaderMap::from_iter([(ETAG, tag.parse().unwrap())]);
        let other = told("\"00000000000000000000000000000000\"");
        let arrivals = Arrivals::default();
        assert!(!arrivals.are_others(&sent, &other), "it may count in another way");
        assert!(!arrivals.are_others(&sent, &told(&format!("\"{sent}\""))));
        assert!(arrivals.are_others(&sent, &other));
        assert!(!arrivals.are_others(&sent, &told("\"another-way-2\"")));
        assert!(!arrivals.are_others(&sent, &HeaderMap::new()));
    }
}
