//! Speaking to a coordinator: one connection, one sentence for each way in which it does not work.

use std::time::Duration;

use cleanplate_proto::MESSAGE_BYTES_MAX;
use cleanplate_proto::v1::jobs_client::JobsClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status as Reply};

use crate::exit::{Refusal, Status};

/// How long a connection may take: a host that drops packets says nothing by itself.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A connected client, and the address for what it says.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The generated client.
    pub(crate) jobs: JobsClient<Channel>,
    address: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// A refusal with status 2 where the address is none, 1 where nobody answers.
    pub(crate) async fn connect(address: &str) -> Result<Self, Refusal> {
        let endpoint = endpoint(address)?;
        let channel = endpoint.connect().await.map_err(|error| unreachable(address, &error))?;
        Ok(Self::over(channel, address))
    }

    /// Speaks over a channel that is there already.
    pub(crate) fn over(channel: Channel, address: &str) -> Self {
        let jobs = JobsClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        Self { jobs, address: address.to_owned() }
    }

    /// What to tell of a call that failed.
    pub(crate) fn refusal(&self, reply: &Reply) -> Refusal {
        let said = reply.message();
        if is_lost(reply) {
            return Refusal::failed(format!(
                "the coordinator at {} does not answer: {said}; is it running?",
                self.address
            ));
        }
        let status =
            if reply.code() == Code::InvalidArgument { Status::Usage } else { Status::Failed };
        Refusal::new(status, said)
    }
}

/// Takes an address as an endpoint.
///
/// # Errors
/// A refusal with status 2.
pub(crate) fn endpoint(address: &str) -> Result<Endpoint, Refusal> {
    let bad = |why: &str| {
        Refusal::usage(format!(
            "`{address}` is no address of a coordinator: {why}; write http://HOST:PORT"
        ))
    };
    if !address.starts_with("http://") {
        return Err(bad("it does not begin with http://"));
    }
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_bad| bad("it is no URL"))?;
    Ok(endpoint.connect_timeout(CONNECT_PATIENCE))
}

/// Whether the connection, not the coordinator, ended a call.
pub(crate) fn is_lost(reply: &Reply) -> bool {
    // tonic reports a broken connection as `Unknown` with the transport's error as its source.
    reply.code() == Code::Unavailable
        || (reply.code() == Code::Unknown && std::error::Error::source(reply).is_some())
}

fn unreachable(address: &str, error: &tonic::transport::Error) -> Refusal {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        why = inner.to_string();
        source = inner.source();
    }
    Refusal::failed(format!(
        "no coordinator answers at {address} ({}); start one with `cleanplate coordinator`, or \
         name another by --coordinator or CLEANPLATE_COORDINATOR",
        why.to_lowercase()
    ))
}
