//! Speaking to a coordinator: the one of several that leads is found, and one sentence is said for each way in which
//! that does not work. Refuses to send a call twice: what is asked until somebody leads is asked of nobody's job.

mod route;

use std::error::Error;
use std::time::Duration;

use cleanplate_access::{Bearer, Hint};
use cleanplate_proto::v1::ListRequest;
use cleanplate_proto::v1::jobs_client::JobsClient;
use cleanplate_proto::{MESSAGE_BYTES_MAX, StandsBy};
use tokio::time::Instant;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status as Reply};

use crate::arguments::ClientArguments;
use crate::exit::Refusal;
use crate::say;
use crate::settings::{Place, Settings};

pub(crate) use crate::client::route::{Route, UNTOLD, refused};

/// How long one of several coordinators may take to answer before the next one is asked: one that is paused has its
/// connections taken by the system, and never says a word. Doubled in each round, so that a slow one that is the only
/// one alive is heard in the end.
const TURN_PATIENCE: Duration = Duration::from_secs(3);

/// Times that it is doubled, at most.
const DOUBLINGS_MAX: u32 = 10;

/// How long to wait for a coordinator that leads, where one stands by or several are named: a failover takes 6 s.
const FAILOVER_PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before the list is gone through again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The generated client, with a token where there is one.
pub(crate) type Jobs = JobsClient<InterceptedService<Channel, Bearer>>;

/// A connected client, and the addresses for what it says and whom it turns to.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The generated client.
    pub(crate) jobs: Jobs,
    address: String,
    route: Route,
    /// All that were named; none where it speaks inside this process.
    addresses: Vec<String>,
    /// Whether the address is not of them, or was tried before its turn: somebody said that it leads.
    told: bool,
}

/// Why a coordinator is not the one to speak to.
#[derive(Debug)]
pub(crate) struct Missed {
    /// What is told of it.
    pub(crate) refusal: Refusal,
    /// Where it does not lead.
    pub(crate) stands_by: Option<StandsBy>,
    /// Where it answers and is not understood.
    pub(crate) hint: Option<Hint>,
}

impl From<Refusal> for Missed {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, stands_by: None, hint: None }
    }
}

impl Client {
    /// Connects to the coordinator that a command is to speak to.
    ///
    /// # Errors
    /// The refusal of [`Client::connect`], with the place where a wrong address was written.
    pub(crate) async fn of(
        settings: &Settings,
        arguments: &ClientArguments,
    ) -> Result<Self, Refusal> {
        let flag = ("--coordinator", arguments.coordinator.is_some());
        let place = settings.place(flag, "client.coordinator");
        let route = Route::of(settings, arguments.token_file.as_deref())?;
        let addresses = listed(settings.coordinator_of(arguments), &route, &place)?;
        let connected = Self::connect_by_turns(&addresses, &route, TURN_PATIENCE).await;
        connected.map_err(|missed| missed.refusal)
    }

    /// Connects to the one that leads of the coordinators at `addresses`, divided by commas. While one takes over
    /// from another it waits for that, and says so once.
    ///
    /// # Errors
    /// A refusal with status 2 where an address is none, 1 where nobody answers, or nobody leads in time.
    pub(crate) async fn connect(addresses: &str, route: &Route) -> Result<Self, Missed> {
        let addresses = listed(addresses, route, &UNTOLD)?;
        Self::connect_by_turns(&addresses, route, TURN_PATIENCE).await
    }

    /// Goes through the list until somebody leads; `turn` is the first patience with one of several.
    async fn connect_by_turns(
        addresses: &[String],
        route: &Route,
        turn: Duration,
    ) -> Result<Self, Missed> {
        let deadline = Instant::now() + FAILOVER_PATIENCE;
        let mut noted = false;
        let mut round = 0;
        loop {
            let mut waits = addresses.len() > 1;
            let mut last = None;
            let patience = patience(addresses, turn, round);
            for address in addresses {
                match Self::reach(address, (addresses, route), patience).await {
                    Ok(client) => return Ok(client),
                    Err(missed) => {
                        waits |= missed.stands_by.is_some();
                        last = Some(missed);
                    }
                }
            }
            let is_over = !waits || Instant::now() >= deadline;
            if let Some(missed) = last.filter(|_| is_over) {
                return Err(missed);
            }
            if !noted {
                say::note("note: no coordinator leads at the moment, asking again for 30 s");
                noted = true;
            }
            tokio::time::sleep(ASK_AGAIN).await;
            round += 1;
        }
    }

    /// Connects to `address`, or to the one that is said there to lead. What that one says of others waits for the
    /// next round: two may mean each other.
    async fn reach(
        address: &str,
        (addresses, route): (&[String], &Route),
        patience: Option<Duration>,
    ) -> Result<Self, Missed> {
        let asked = Self::ask(address, (addresses, route), false);
        let missed = match within(patience, address, asked).await {
            Ok(client) => return Ok(client),
            Err(missed) => missed,
        };
        let leader = missed.stands_by.as_ref().and_then(|it| it.leader.clone());
        let Some(leader) = leader.filter(|url| is_followed(url, addresses)) else {
            return Err(missed);
        };
        let asked = Self::ask(&leader, (addresses, route), true);
        let asked = within(patience, &leader, asked).await;
        asked.map_err(|failed| Missed { stands_by: missed.stands_by, ..failed })
    }

    /// Connects to one address, and finds out whether that one leads.
    async fn ask(
        address: &str,
        (addresses, route): (&[String], &Route),
        told: bool,
    ) -> Result<Self, Missed> {
        let endpoint = route.endpoint(address)?;
        let bearer = route.bearer(address)?;
        let channel = endpoint.connect().await;
        let channel = channel.map_err(|error| unreachable(address, &cause(&error)))?;
        let client = Self {
            addresses: addresses.to_vec(),
            route: route.clone(),
            told,
            ..Self::with(channel, bearer, address)
        };
        match client.jobs.clone().list(ListRequest { limit: 1, ..ListRequest::default() }).await {
            Err(reply) if is_lost(&reply) => {
                let (refusal, stands_by) = (client.refusal(&reply), StandsBy::of(&reply));
                Err(Missed { refusal, stands_by, hint: Hint::of(address, reply.message()) })
            }
            // Any other trouble is told of what was asked for.
            Ok(_) | Err(_) => Ok(client),
        }
    }

    /// Speaks over a channel that is there already.
    pub(crate) fn over(channel: Channel, address: &str) -> Self {
        Self::with(channel, Bearer::default(), address)
    }

    fn with(channel: Channel, bearer: Bearer, address: &str) -> Self {
        let jobs = JobsClient::with_interceptor(channel, bearer)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let (addresses, route) = (Vec::new(), Route::default());
        Self { jobs, address: address.to_owned(), route, addresses, told: false }
    }

    /// Whom to turn to after `reply`, which [`is_lost`]: the one that it says leads, else the next of the list, else
    /// the same one again. Says whether that is worth a try at once.
    pub(crate) fn elsewhere(&self, reply: &Reply) -> (Self, bool) {
        let leader = StandsBy::of(reply).and_then(|it| it.leader);
        let leader = leader.filter(|url| is_followed(url, &self.addresses));
        let place = self.addresses.iter().position(|address| *address == self.address);
        let next = place.map_or(0, |place| place + 1) % self.addresses.len().max(1);
        let listed = self.addresses.get(next).cloned();
        let told = leader.is_some();
        let Some(address) = leader.or(listed) else { return (self.clone(), false) };
        let way = (self.route.endpoint(&address), self.route.bearer(&address));
        let (Ok(endpoint), Ok(bearer)) = way else { return (self.clone(), false) };
        let client = Self {
            addresses: self.addresses.clone(),
            route: self.route.clone(),
            told,
            ..Self::with(endpoint.connect_lazy(), bearer, &address)
        };
        (client, told && !self.told)
    }

    /// How long the first answer to a call may take before another coordinator is asked, when that was done `asks`
    /// times; `None` where there is no other.
    pub(crate) fn patience(&self, asks: u32) -> Option<Duration> {
        let round = asks / u32::try_from(self.addresses.len().max(1)).unwrap_or(1);
        patience(&self.addresses, TURN_PATIENCE, round)
    }

    /// What to tell of a call that failed.
    pub(crate) fn refusal(&self, reply: &Reply) -> Refusal {
        let said = reply.message();
        if StandsBy::of(reply).is_some() {
            return Refusal::failed(format!("no coordinator leads; {} says: {said}", self.address));
        }
        let hint = Hint::of(&self.address, said);
        if is_lost(reply) && hint.is_none() {
            return Refusal::failed(format!(
                "the coordinator at {} does not answer: {said}; is it running?",
                self.address
            ));
        }
        if let Some(hint) = hint {
            return Refusal::failed(format!("{} is answered ({said}), and {hint}", self.address));
        }
        if reply.code() == Code::Unimplemented {
            return self.unserved(said);
        }
        if reply.code() == Code::InvalidArgument {
            return Refusal::usage(said);
        }
        Refusal::failed(said)
    }

    /// What to tell where somebody answers who does not know what is asked.
    fn unserved(&self, said: &str) -> Refusal {
        let said = if said.is_empty() { "there is no such call" } else { said };
        Refusal::failed(format!(
            "{} answers, but not this ({said}): it may be the port of probes \
             (`coordinator.probe_listen`), or a coordinator of another version; name the address where \
             the coordinator listens by --coordinator or CLEANPLATE_COORDINATOR",
            self.address
        ))
    }
}

/// How long one of `addresses` may take to answer in this round; `None` where there is only one.
fn patience(addresses: &[String], turn: Duration, round: u32) -> Option<Duration> {
    (addresses.len() > 1).then(|| turn.saturating_mul(1 << round.min(DOUBLINGS_MAX)))
}

/// Waits so long for what is asked at `address`.
async fn within(
    patience: Option<Duration>,
    address: &str,
    asked: impl Future<Output = Result<Client, Missed>>,
) -> Result<Client, Missed> {
    let Some(patience) = patience else { return asked.await };
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_late| {
        let seconds = patience.as_secs_f32();
        let why = format!("the coordinator at {address} did not answer within {seconds:.0} s");
        Err(Refusal::failed(why).into())
    })
}

/// Takes the addresses of coordinators, divided by commas, which were written at `place`.
///
/// # Errors
/// A refusal with status 2.
fn listed(addresses: &str, route: &Route, place: &Place) -> Result<Vec<String>, Refusal> {
    let listed: Vec<String> = split(addresses).map(str::to_owned).collect();
    if listed.is_empty() {
        let none = route.endpoint_at(addresses, place).err();
        return Err(none.unwrap_or_else(|| Refusal::usage(place.tell("no address"))));
    }
    for address in &listed {
        route.endpoint_at(address, place)?;
        route.bearer_at(address, place)?;
    }
    Ok(listed)
}

/// Whether one that is said to lead at `url` is turned to: who speaks TLS is led nowhere without it.
fn is_followed(url: &str, addresses: &[String]) -> bool {
    url.starts_with("https://") || addresses.iter().any(|own| own.starts_with("http://"))
}

/// The addresses of a list.
pub(crate) fn split(addresses: &str) -> impl Iterator<Item = &str> {
    addresses.split(',').map(str::trim).filter(|address| !address.is_empty())
}

/// Whether the connection, not the coordinator, ended a call.
pub(crate) fn is_lost(reply: &Reply) -> bool {
    // tonic reports a broken connection as `Unknown` with the transport's error as its source.
    reply.code() == Code::Unavailable || (reply.code() == Code::Unknown && reply.source().is_some())
}

/// The words of the cause behind all others: tonic's own say `transport error` and no more.
pub(crate) fn cause(error: &dyn Error) -> String {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        why = inner.to_string();
        source = inner.source();
    }
    why.to_lowercase()
}

fn unreachable(address: &str, why: &str) -> Missed {
    let hint = Hint::of(address, why);
    let told = match hint {
        Some(hint) => format!("{address} is answered ({why}), and {hint}"),
        None => format!(
            "no coordinator answers at {address} ({why}); start one with `cleanplate coordinator`, or \
             name another by --coordinator or CLEANPLATE_COORDINATOR"
        ),
    };
    Missed { refusal: Refusal::failed(told), stands_by: None, hint }
}

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;

    use super::*;
    use crate::client::route::CONNECT_PATIENCE;
    use crate::exit::Status;

    #[test]
    fn an_address_that_is_answered_in_another_way_is_told_as_that() {
        let foreign = unreachable("http://a", "frame with invalid size");
        let told =
            "http://a is answered (frame with invalid size), and it may speak TLS: try https://";
        assert_eq!(foreign.refusal, Refusal::failed(told));
        assert_eq!(foreign.hint, Some(Hint::Tls));
        assert_eq!(unreachable("http://a", "connection refused").hint, None);
    }

    fn over(addresses: &[&str], at: usize) -> Client {
        let channel = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let addresses: Vec<String> = addresses.iter().map(|it| (*it).to_owned()).collect();
        let address = addresses[at].clone();
        Client { addresses, ..Client::over(channel, &address) }
    }

    #[tokio::test]
    async fn who_is_lost_turns_to_the_leader_that_is_named_and_else_to_the_next_of_the_list() {
        let client = over(&["http://a:1", "http://b:1"], 1);
        let (next, at_once) = client.elsewhere(&Reply::unavailable("gone"));
        assert_eq!((next.address.as_str(), at_once), ("http://a:1", false));
        let stands_by = cleanplate_proto::stands_by(Some("http://c:1"));
        let (next, at_once) = client.elsewhere(&stands_by);
        assert_eq!((next.address.as_str(), at_once), ("http://c:1", true));
        let (again, at_once) = next.elsewhere(&stands_by);
        assert_eq!(
            (again.address.as_str(), at_once),
            ("http://c:1", false),
            "no running in circles"
        );
        let (next, _) = next.elsewhere(&Reply::unavailable("gone"));
        assert_eq!(next.address, "http://a:1", "the list goes on");
    }

    #[tokio::test]
    async fn a_single_address_at_which_nobody_listens_is_told_at_once() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = format!("http://{free}");
        let route = Route::default();
        let asked = tokio::time::timeout(CONNECT_PATIENCE, Client::connect(&address, &route));
        let refusal = asked.await.unwrap().unwrap_err().refusal;
        assert!(refusal.message.contains("no coordinator answers"), "{}", refusal.message);
    }

    #[tokio::test]
    async fn one_of_several_that_takes_connections_and_says_nothing_is_left_for_the_next() {
        // The system takes connections to it; nobody ever reads them.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let lives = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = |at: std::net::SocketAddr| format!("http://{at}");
        let addresses =
            [address(silent.local_addr().unwrap()), address(lives.local_addr().unwrap())];
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(lives);
        // It knows no call, and says so: somebody answers.
        let routes = tonic::service::Routes::default();
        let served = tonic::transport::Server::builder().add_routes(routes);
        let serving = tokio::spawn(served.serve_with_incoming(incoming));
        // So little that the one that lives may be too slow in the first rounds.
        let turn = Duration::from_millis(1);
        let client = Client::connect_by_turns(&addresses, &Route::default(), turn).await.unwrap();
        assert_eq!(client.address, addresses[1]);
        serving.abort();
    }

    #[test]
    fn only_one_of_several_is_given_up_and_later_in_each_round() {
        let both = ["http://a:1".to_owned(), "http://b:1".to_owned()];
        assert_eq!(patience(&both[..1], TURN_PATIENCE, 0), None);
        let spans = [0, 1, 2].map(|round| patience(&both, TURN_PATIENCE, round).unwrap().as_secs());
        assert_eq!(spans, [3, 6, 12]);
    }

    #[test]
    fn every_address_of_a_list_is_checked() {
        assert_eq!(
            listed(" http://a:1, http://b:2,", &Route::default(), &UNTOLD).unwrap(),
            ["http://a:1", "http://b:2"]
        );
        for bad in ["", ",", "http://a:1,b:2", "ftp://a:1"] {
            let place = Place::Flag("--coordinator");
            let refusal = listed(bad, &Route::default(), &place).unwrap_err();
            assert_eq!(refusal.status, Status::Usage, "{bad}");
            assert!(refusal.message.starts_with("--coordinator: "), "{}", refusal.message);
        }
    }

    #[tokio::test]
    async fn who_answers_and_knows_no_jobs_is_told_with_its_address_as_the_port_of_probes() {
        let client = over(&["http://a:1"], 0);
        for said in ["there is no such service", ""] {
            let Refusal { status, message } = client.refusal(&Reply::unimplemented(said));
            assert_eq!(status, Status::Failed);
            assert!(message.starts_with("http://a:1 answers, but not this (there is"), "{message}");
            assert!(message.contains("coordinator.probe_listen"), "{message}");
        }
        let wrong = client.refusal(&Reply::invalid_argument("wrong"));
        assert_eq!(wrong, Refusal::usage("wrong"));
    }
}
