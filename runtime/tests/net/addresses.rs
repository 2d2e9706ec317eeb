//! What can be turned into addresses.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use zokio::net::{ToSocketAddrs, lookup_host};

async fn all(of: impl ToSocketAddrs) -> Vec<SocketAddr> {
    lookup_host(of).await.unwrap().collect()
}

fn v4(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[zokio::test]
async fn addresses_stand_for_themselves() {
    assert_eq!(all(v4(1)).await, [v4(1)]);
    assert_eq!(
        all(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2)).await,
        [v4(2)]
    );
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 3, 0, 0);
    assert_eq!(all(v6).await, [SocketAddr::V6(v6)]);
}

#[zokio::test]
async fn pairs_of_ip_and_port_are_addresses() {
    assert_eq!(all((Ipv4Addr::LOCALHOST, 1)).await, [v4(1)]);
    assert_eq!(all((IpAddr::V4(Ipv4Addr::LOCALHOST), 2)).await, [v4(2)]);
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 3).into();
    assert_eq!(all((Ipv6Addr::LOCALHOST, 3)).await, [v6]);
}

#[zokio::test]
async fn lists_keep_their_order() {
    assert_eq!(all(&[v4(3), v4(1), v4(2)][..]).await, [v4(3), v4(1), v4(2)]);
    let vec = vec![v4(5), v4(4)];
    assert_eq!(all(vec.as_slice()).await, vec);
}

#[zokio::test]
async fn numeric_texts_need_no_lookup() {
    assert_eq!(all("127.0.0.1:80").await, [v4(80)]);
    assert_eq!(all(String::from("127.0.0.1:81")).await, [v4(81)]);
    assert_eq!(all(("127.0.0.1", 82)).await, [v4(82)]);
    assert_eq!(all((String::from("127.0.0.1"), 83)).await, [v4(83)]);
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 84).into();
    assert_eq!(all("[::1]:84").await, [v6]);
    assert_eq!(all(("::1", 84)).await, [v6]);
}

#[zokio::test]
async fn references_stand_for_what_they_refer_to() {
    assert_eq!(all(&v4(1)).await, [v4(1)]);
    assert_eq!(all(&&"127.0.0.1:2").await, [v4(2)]);
    assert_eq!(all(&String::from("127.0.0.1:3")).await, [v4(3)]);
    assert_eq!(all(&("127.0.0.1", 4)).await, [v4(4)]);
}

#[zokio::test]
async fn localhost_resolves_to_loopback() {
    let found = all("localhost:80").await;
    assert!(!found.is_empty());
    assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 80));
    assert_eq!(all(("localhost", 80)).await, found);
}

#[zokio::test]
async fn malformed_texts_are_invalid_input() {
    for (text, why) in [
        ("127.0.0.1", "invalid socket address"),
        ("", "invalid socket address"),
        ("localhost", "invalid socket address"),
        ("localhost:port", "invalid port value"),
        ("localhost:70000", "invalid port value"),
        ("localhost:", "invalid port value"),
    ] {
        let error = lookup_host(text).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
        assert_eq!(error.to_string(), why, "{text:?}");
    }
}

#[zokio::test]
async fn name_that_cannot_exist_does_not_resolve() {
    assert!(lookup_host(("no such host", 80)).await.is_err());
}

#[test]
fn nothing_is_looked_up_before_the_first_poll() {
    // Outside of a runtime: a lookup would panic.
    drop(lookup_host("localhost:80"));
}
