//! Which addresses a stranger's URL may lead to: public ones.
//!
//! Owns what those that are not are called, and the resolver that asks for each address that a name has. A name of which
//! one address is refused is refused as a whole. Refuses nothing by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;
use crate::settings::WebSettings;

/// Takes an address that everybody can reach; says of every other one what it is.
///
/// # Errors
/// The reason, for a sentence.
pub fn public_address(ip: IpAddr) -> Result<(), String> {
    if is_public(ip) {
        return Ok(());
    }
    let kind = match ip {
        IpAddr::V4(ip) => kind_of_v4(ip),
        IpAddr::V6(ip) => kind_of_v6(ip),
    };
    Err(format!("{ip} is {}", kind.unwrap_or("no address of a public server")))
}

fn kind_of_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (127, ..) => Some("this machine"),
        (0, ..) => Some("no address of a server"),
        (10, ..) | (192, 168, _) => Some("a private address"),
        (172, 16..=31, _) => Some("a private address"),
        (169, 254, _) => Some("a link-local address"),
        (100, 64..=127, _) => Some("an address of a provider's inner network"),
        (192, 0, 0) | (198, 18..=19, _) | (192, 88, 99) => Some("an address for special use"),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Some("an address for examples"),
        (224..=239, ..) => Some("a multicast address"),
        (240..=255, ..) => Some("a reserved address"),
        _ => None,
    }
}

fn kind_of_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let parts = ip.segments();
    let last_v4 = || {
        let [.., a, b, c, d] = ip.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("this machine"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("no address of a server"),
        // The same server by an IPv4 address in another form.
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => kind_of_v4(last_v4()),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => kind_of_v4(last_v4()),
        [0x64, 0xff9b, ..] => Some("an address of an inner network"),
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            kind_of_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0x2001, 0, ..] => Some("a tunnel's address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("an address for examples"),
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x100, 0, 0, 0, ..] => Some("an address that leads nowhere"),
        _ => None,
    }
}

/// Whether the settings allow `host`, a name or an address, whatever its addresses are.
pub(crate) fn is_private_by_name(web: &WebSettings, host: &str) -> bool {
    let plain =
        |host: &str| host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let host = plain(host);
    web.private_hosts.iter().any(|allowed| plain(allowed) == host)
}

/// Resolves names, and hands out addresses that passed the check.
pub(super) struct Guarded(WebSettings);

impl Guarded {
    pub(super) const fn new(web: WebSettings) -> Self {
        Self(web)
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let web = self.0.clone();
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if !is_private_by_name(&web, &host) {
                for address in &found {
                    let ip = address.ip();
                    (web.check)(ip).map_err(|reason| {
                        tracing::debug!(host, %ip, "a name that leads where no stranger may read from");
                        // What a name of an inner network stands for is for who asks to find out by themselves.
                        AddressRefused(reason.replace(&ip.to_string(), "the address of its name"))
                    })?;
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// An address that a name leads to did not pass.
#[derive(Debug)]
struct AddressRefused(String);

impl fmt::Display for AddressRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for AddressRefused {}

/// Why an address was refused, where that is at the bottom of an error.
pub(super) fn refusal_in(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(AddressRefused(reason)) = current.downcast_ref() {
            return Some(reason.clone());
        }
        next = current.source();
    }
    None
}
