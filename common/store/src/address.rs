//! Which addresses of the network a source may be read from: public ones, by every spelling of an address.
//!
//! Owns the check of a URL (`https`, a host, no user, the usual port) and of an address. Refuses to resolve names: who
//! connects (`web`) asks [`is_public`] of each address that it connects to, at every redirect, and looks up nothing twice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::settings::{WebSettings, current};
use crate::web::is_private_by_name;

/// Why a place on the network is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL that can be used.
    #[error("`{shown}` is no URL to read from: {why}")]
    Url {
        /// What may be shown of it: never a user or a password.
        shown: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It leads into a network that is not everybody's.
    #[error(
        "{host} is {address}, which is no public address; sources by https:// are read from public addresses only"
    )]
    NotPublic {
        /// The host as it was written.
        host: String,
        /// The address that it has.
        address: IpAddr,
    },
}

/// The host and port that a URL leads to, where it is one to read from.
///
/// # Errors
/// [`AddressError::Url`], and [`AddressError::NotPublic`] where the host is an address by itself, however it is
/// written (`0x7f.1`, `2130706433`, `[::ffff:127.0.0.1]`). Hosts of `storage.private_hosts` pass.
pub fn https_host(url: &Url) -> Result<(String, u16), AddressError> {
    https_host_by(&current().web, url)
}

/// The same by settings that are not those of the process yet.
///
/// # Errors
/// As for [`https_host`].
pub(crate) fn https_host_by(web: &WebSettings, url: &Url) -> Result<(String, u16), AddressError> {
    let bad = |why| Err(AddressError::Url { shown: shown(url), why });
    if url.scheme() != "https" {
        return bad("it is not https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return bad("it has a user or a password in it");
    }
    let port = url.port_or_known_default().unwrap_or_default();
    if let Some(host) = url.host_str().filter(|host| is_private_by_name(web, host)) {
        return Ok((host.to_owned(), port));
    }
    if port != HTTPS_PORT {
        return bad("its port is not 443");
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => named(url, name)?,
        Some(Host::Ipv4(ip)) => addressed(url, IpAddr::V4(ip))?,
        Some(Host::Ipv6(ip)) => addressed(url, IpAddr::V6(ip))?,
        None => return bad("it has no host"),
    };
    Ok((host, port))
}

/// The one port: others are other services, which were not meant to be read by anybody.
pub const HTTPS_PORT: u16 = 443;

/// Names that never mean a public host, with all below them (RFC 6761, 6762, 7686, 8375, and what clouds use inside).
const INNER: [&str; 10] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "onion",
    "test",
    "invalid",
];

fn named(url: &Url, name: &str) -> Result<String, AddressError> {
    let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_below = |inner: &&str| {
        bare == **inner || bare.strip_suffix(*inner).is_some_and(|rest| rest.ends_with('.'))
    };
    if bare.is_empty() || INNER.iter().any(is_below) {
        return Err(AddressError::Url {
            shown: shown(url),
            why: "its host is a name of an inner network",
        });
    }
    if !bare.contains('.') {
        return Err(AddressError::Url { shown: shown(url), why: "its host has no domain" });
    }
    Ok(bare)
}

fn addressed(url: &Url, address: IpAddr) -> Result<String, AddressError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    if is_public(address) { Ok(host) } else { Err(AddressError::NotPublic { host, address }) }
}

/// A URL without what may be a secret in it.
fn shown(url: &Url) -> String {
    match url.host_str() {
        Some(host) => format!("{}://{host}{}", url.scheme(), url.path()),
        None => format!("{}:", url.scheme()),
    }
}

/// Whether an address is one of the public internet. What is not known to be is not.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let inner = match (a, b, c) {
        // "This network", private, loopback.
        (0 | 10 | 127, _, _)
        // Carrier-grade NAT.
        | (100, 64..=127, _)
        // Link-local: metadata services of clouds are here.
        | (169, 254, _)
        | (172, 16..=31, _)
        // Protocol assignments, documentation, 6to4 relays, private, benchmarks.
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (192, 168, _)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        // Multicast, reserved, broadcast.
        _ => a >= 224,
    };
    // A metadata service that is outside all of these (Azure's wire server).
    !inner && ip != Ipv4Addr::new(168, 63, 129, 16)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = ip.segments();
    let low = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match (s0, s1) {
        // NAT64 (RFC 6052): the v4 address behind it counts. Its local form (RFC 8215) is an inner network's.
        (0x64, 0xff9b) => (s2, s3, s4, s5) == (0, 0, 0, 0) && is_public_v4(low(s6, s7)),
        // 6to4 and Teredo: tunnels to a v4 address that is in it.
        (0x2002, _) => false,
        // Teredo, benchmarks, ORCHID and the other protocol assignments below 2001:0200::/23.
        (0x2001, 0x0000..=0x01ff) => false,
        // Documentation.
        (0x2001, 0x0db8) => false,
        (0x3fff, 0x0000..=0x0fff) => false,
        // All else of global unicast is public, and nothing else is: not `::`, `::1`, v4-mapped (which no public host
        // has in a URL or in DNS), unique local, link-local, site-local, multicast, SRv6.
        _ => (0x2000..=0x3fff).contains(&s0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_inner_networks_are_not_public() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(ip(text)), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn a_url_leads_to_a_public_host_by_https_or_nowhere() {
        let host = |text: &str| https_host(&Url::parse(text).unwrap());
        assert_eq!(host("https://Media.Example.com/a.mp4").unwrap().0, "media.example.com");
        assert!(host("https://1.1.1.1/a.mp4").is_ok());
        for text in [
            "http://example.com/a.mp4",
            "ftp://example.com/a.mp4",
            "https://user@example.com/a.mp4",
            "https://user:hush@example.com/a.mp4",
            "https://:hush@example.com/a.mp4",
            "https://example.com:8443/a.mp4",
            "https://example.com:22/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://0/",
            "https://169.254.169.254/latest/meta-data/",
            "https://2852039166/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://head/",
            "https://１２７.０.０.１/",
            "https://127。0。0。1/",
            "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
        ] {
            let error = host(text).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_never_more_public_inside_a_v6_address(bits in any::<u32>()) {
            let inner = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = inner.octets().map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(is_public_v6(nat64), is_public_v4(inner));
            prop_assert!(!is_public_v6(inner.to_ipv6_mapped()));
            prop_assert!(!is_public_v6(inner.to_ipv6_compatible()));
            prop_assert!(!is_public_v6(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1)));
        }

        #[test]
        fn what_the_standard_library_knows_to_be_inner_is_not_public(bits in any::<u32>(), wide in any::<u128>()) {
            let (four, six) = (Ipv4Addr::from_bits(bits), Ipv6Addr::from_bits(wide));
            let inner = four.is_private() || four.is_loopback() || four.is_link_local()
                || four.is_broadcast() || four.is_documentation() || four.is_multicast()
                || four.is_unspecified();
            prop_assert!(!(inner && is_public_v4(four)), "{four}");
            let inner = six.is_loopback() || six.is_unspecified() || six.is_multicast()
                || six.is_unique_local() || six.is_unicast_link_local();
            prop_assert!(!(inner && is_public_v6(six)), "{six}");
        }

        #[test]
        fn an_address_in_a_url_is_judged_as_an_address(bits in any::<u32>()) {
            let ip = Ipv4Addr::from_bits(bits);
            for text in [format!("https://{ip}/x"), format!("https://{bits}/x"), format!("https://{bits:#x}/x")] {
                prop_assert_eq!(https_host(&Url::parse(&text).unwrap()).is_ok(), is_public_v4(ip));
            }
        }
    }
}
